/** y = max(x, 0), the slow and obvious way. @param x [n]. @returns [n]. */
export function reluReference(x: Float64Array): Float64Array {
  return x.map((v) => Math.max(v, 0));
}
