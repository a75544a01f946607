/** b + α_j (x - b), x and b of image sourceRow[j]. @param x, baseline [images, m]. @param alpha [n]. @returns [n, m]. */
export function pathPointReference(x: Float64Array, baseline: Float64Array, sourceRow: ArrayLike<number>, alpha: Float64Array, m: number): Float64Array {
  return Float64Array.from({ length: alpha.length * m }, (_, i) => {
    const row = Math.floor(i / m);
    const from = sourceRow[row]! * m + (i % m);
    return baseline[from]! + alpha[row]! * (x[from]! - baseline[from]!);
  });
}
