/** a where the condition is not 0, else b. @param condition, a, b [n]. @returns [n]. */
export function whereReference(condition: Float64Array, a: Float64Array, b: Float64Array): Float64Array {
  return condition.map((c, i) => (c !== 0 ? a[i]! : b[i]!));
}
