import type { BinaryFunction } from "../../graph/operations/broadcast.ts";

/** Numbers of the functions in shaders/lib/binary.wgsl. */
const CODES: readonly BinaryFunction[] = ["add", "sub", "mul", "div", "pow", "max", "min", "equal", "less", "lessOrEqual", "greater", "greaterOrEqual", "and", "or", "xor"];

export function binaryCode(fn: BinaryFunction): number { return CODES.indexOf(fn); }
