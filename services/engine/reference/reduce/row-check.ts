/** (max|x-x0|, ‖x-x0‖₂, min x, max x, non-finite count, 0, 0, 0) of each row, the first four over elements finite in both. @returns [n, 8]. */
export function rowCheckReference(x: Float64Array, x0: Float64Array, m: number): Float64Array {
  const y = new Float64Array((x.length / m) * 8);
  for (let row = 0; row < x.length / m; row++) {
    const columns = Array.from({ length: m }, (_, c) => row * m + c).filter((i) => Number.isFinite(x[i]) && Number.isFinite(x0[i]));
    const delta = columns.map((i) => Math.abs(x[i]! - x0[i]!));
    const values = columns.map((i) => x[i]!);
    y.set([
      delta.reduce((a, b) => Math.max(a, b), 0), Math.sqrt(delta.reduce((sum, d) => sum + d * d, 0)),
      columns.length ? values.reduce((a, b) => Math.min(a, b)) : 0, columns.length ? values.reduce((a, b) => Math.max(a, b)) : 0, m - columns.length,
    ], row * 8);
  }
  return y;
}
