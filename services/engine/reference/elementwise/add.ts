/** y = a + b. @param a, b [n]. @returns [n]. */
export function addReference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((v, i) => v + b[i]!);
}
