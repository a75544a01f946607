import type { BinaryFunction } from "../../../services/engine/graph/operations/broadcast.ts";
import { uniform } from "../../support/random.ts";

type Values = (n: number) => Float64Array;

const any = (seed: number): Values => (n) => uniform(seed, n, 3);
const positive = (seed: number): Values => (n) => uniform(seed, n, 3).map((v) => Math.fround(Math.abs(v) + 0.1));
/** -1, 0 and 1, each of them often: what comparisons and logic tell apart. */
const few = (seed: number): Values => (n) => uniform(seed, n, 1.49).map((v) => Math.round(v) + 0);

/** Every function with operands that it is defined for. */
export const binaryFunctions: readonly { readonly fn: BinaryFunction; readonly a: Values; readonly b: Values }[] = [
  ...(["add", "sub", "mul", "max", "min"] as const).map((fn) => ({ fn, a: any(1), b: any(2) })),
  { fn: "div", a: any(1), b: positive(2) },
  { fn: "pow", a: positive(1), b: any(2) },
  ...(["equal", "less", "lessOrEqual", "greater", "greaterOrEqual", "and", "or", "xor"] as const).map((fn) => ({ fn, a: few(1), b: few(2) })),
];
