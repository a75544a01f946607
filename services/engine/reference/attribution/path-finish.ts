/** (x - baseline)∘sum. @param sum, x, baseline [n·m]. @returns [n·m]. */
export function pathFinishReference(sum: Float64Array, x: Float64Array, baseline: Float64Array): Float64Array {
  return sum.map((g, i) => (x[i]! - baseline[i]!) * g);
}
