/** y[i] = Σ_s part[s, i]. @param part [slices, n]. @returns [n]. */
export function sumSlicesReference(part: Float64Array, { slices, n }: { slices: number; n: number }): Float64Array {
  const y = new Float64Array(n);
  for (let s = 0; s < slices; s++) for (let i = 0; i < n; i++) y[i]! += part[s * n + i]!;
  return y;
}
