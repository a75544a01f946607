/** dx = y > 0 ? dy : 0. @param dy, y [n]. @returns [n]. */
export function reluGradReference(dy: Float64Array, y: Float64Array): Float64Array {
  return dy.map((d, i) => (y[i]! > 0 ? d : 0));
}
