/** x_ij cut to [low_i, high_i]. @param x [n·m]. @param low, high [n]. @returns [n·m]. */
export function clampRowsReference(x: Float64Array, low: ArrayLike<number>, high: ArrayLike<number>, m: number): Float64Array {
  return x.map((v, i) => Math.min(Math.max(v, low[Math.floor(i / m)]!), high[Math.floor(i / m)]!));
}
