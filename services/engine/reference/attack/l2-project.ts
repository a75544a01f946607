/** x ← clip_[low,high](x0 + (x - x0)·min(1, ε/‖x - x0‖)), per image. @param x, x0 [n, m]. @param deltaNorm [n]. @returns [n, m]. */
export function l2ProjectReference(x: Float64Array, x0: Float64Array, deltaNorm: Float64Array, { epsilon, low = 0, high = 1 }: { epsilon: number; low?: number; high?: number }): Float64Array {
  const m = x.length / deltaNorm.length;
  return x.map((v, i) => {
    const norm = deltaNorm[Math.floor(i / m)]!;
    const shrink = norm > epsilon ? epsilon / norm : 1;
    return Math.min(Math.max(x0[i]! + (v - x0[i]!) * shrink, low), high);
  });
}
