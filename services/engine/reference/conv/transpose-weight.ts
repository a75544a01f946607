/** wT[t, k, c] = w[t, c, k], flat. @param w [taps, c, k]. @returns [taps, k, c]. */
export function transposeWeightReference(w: Float64Array, { taps, c, k }: { taps: number; c: number; k: number }): Float64Array {
  const wT = new Float64Array(taps * c * k);
  for (let t = 0; t < taps; t++) for (let i = 0; i < c; i++) for (let o = 0; o < k; o++) wT[(t * k + o) * c + i] = w[(t * c + i) * k + o]!;
  return wT;
}
