/** y + x. @param x, y [n]. @returns the new y, [n]. */
export function accumulateReference(x: Float64Array, y: Float64Array): Float64Array {
  return y.map((v, i) => v + x[i]!);
}
