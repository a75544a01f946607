/** wT[k, t·c + i] = w[t, i, k], flat. @param w [taps, rows, k], of whose rows the first c count. @returns [k, columns], 0 past taps·c. */
export function columnWeightReference(w: Float64Array, { taps, rows, c, k, columns }: { taps: number; rows: number; c: number; k: number; columns: number }): Float64Array {
  const wT = new Float64Array(k * columns);
  for (let t = 0; t < taps; t++) for (let i = 0; i < c; i++) for (let o = 0; o < k; o++) wT[o * columns + t * c + i] = w[(t * rows + i) * k + o]!;
  return wT;
}
