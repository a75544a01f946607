import type { BinaryFunction } from "../../graph/operations/broadcast.ts";

/** y = f(a, b). @param a, b [n]. @returns [n]. */
export function binaryReference(fn: BinaryFunction, a: Float64Array, b: Float64Array): Float64Array { return a.map((v, i) => valueOf(fn, v, b[i]!)); }

function valueOf(fn: BinaryFunction, a: number, b: number): number {
  switch (fn) {
    case "add": return a + b;
    case "sub": return a - b;
    case "mul": return a * b;
    case "div": return a / b;
    case "pow": return a ** b;
    case "max": return Math.max(a, b);
    case "min": return Math.min(a, b);
    case "equal": return Number(a === b);
    case "less": return Number(a < b);
    case "lessOrEqual": return Number(a <= b);
    case "greater": return Number(a > b);
    case "greaterOrEqual": return Number(a >= b);
    case "and": return Number(a !== 0 && b !== 0);
    case "or": return Number(a !== 0 || b !== 0);
    case "xor": return Number((a !== 0) !== (b !== 0));
  }
}
