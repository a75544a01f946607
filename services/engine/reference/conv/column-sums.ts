/** y[k] = Σ_r x[r, k]. @param x [rows, k]. @returns [k]. */
export function columnSumsReference(x: Float64Array, { rows, k }: { rows: number; k: number }): Float64Array {
  const y = new Float64Array(k);
  for (let r = 0; r < rows; r++) for (let i = 0; i < k; i++) y[i]! += x[r * k + i]!;
  return y;
}
