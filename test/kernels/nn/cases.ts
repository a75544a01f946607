import type { AxisShape } from "../../../services/engine/kernels/nn/axis.ts";

/** One of each; primes; one under, at and over a workgroup's 8 lines; the last axis and axes before it; large. */
export const axisCases: readonly AxisShape[] = [
  { outer: 1, size: 1, inner: 1 }, { outer: 1, size: 5, inner: 1 }, { outer: 7, size: 3, inner: 1 }, { outer: 8, size: 4, inner: 1 }, { outer: 3, size: 13, inner: 3 },
  { outer: 1, size: 2, inner: 17 }, { outer: 2, size: 1, inner: 5 }, { outer: 203, size: 101, inner: 1 }, { outer: 2, size: 1000, inner: 11 },
];

export function describeAxis({ outer, size, inner }: AxisShape): string { return `[${outer}, ${size}, ${inner}]`; }
export function sizeOfAxis({ outer, size, inner }: AxisShape): number { return outer * size * inner; }
