/** x + scale z_j, x of image sourceRow[j]. @param x [images, m]. @param noise [n, m]. @returns [n, m]. */
export function noisePointReference(x: Float64Array, sourceRow: ArrayLike<number>, noise: Float64Array, scale: number): Float64Array {
  const m = noise.length / sourceRow.length;
  return noise.map((z, i) => x[sourceRow[Math.floor(i / m)]! * m + (i % m)]! + scale * z);
}
