import { indexOf, tabulate } from "./coordinates.ts";

/** Axis i of the result is axis permutation[i] of x. @param x [...shape]. */
export function transposeReference(x: Float64Array, shape: readonly number[], permutation: readonly number[]): Float64Array {
  return tabulate(permutation.map((axis) => shape[axis]!), (at) => x[indexOf(shape.map((_, axis) => at[permutation.indexOf(axis)]!), shape)]!);
}
