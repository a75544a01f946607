import { type Lines, mapLines } from "./axis.ts";

/** Softmax along the middle axis, or its logarithm. @param x [outer, size, inner]. @returns the same. */
export function softmaxReference(x: Float64Array, shape: Lines, { log }: { readonly log: boolean }): Float64Array {
  return mapLines([x], shape, (line) => {
    const top = line.reduce((a, b) => Math.max(a, b));
    const sum = line.reduce((total, v) => total + Math.exp(v - top), 0);
    return line.map((v) => (log ? v - top - Math.log(sum) : Math.exp(v - top) / sum));
  });
}
