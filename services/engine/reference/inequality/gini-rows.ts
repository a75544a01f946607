import { giniReference } from "./gini.ts";

/** Gini index of each row, -1 where a value is negative or not finite. @param values [n, m], any order. @returns [n]. */
export function giniRowsReference(values: Float64Array, m: number): Float64Array {
  return Float64Array.from({ length: values.length / m }, (_, row) => {
    const v = values.subarray(row * m, (row + 1) * m);
    return v.every((value) => value >= 0 && value < Infinity) ? giniReference(v) : -1;
  });
}
