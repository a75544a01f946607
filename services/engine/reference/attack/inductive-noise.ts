/** clip(x + M∘z) (type 1) or clip((1-M)∘x + M∘z) (type 2), M = rank < k. @param x, rank, noise [n·m]. @returns [n·m]. */
export function inductiveNoiseReference(
  x: Float64Array, rank: ArrayLike<number>, noise: Float64Array,
  { k, type, low = 0, high = 1 }: { k: number; type: 1 | 2; low?: number; high?: number },
): Float64Array {
  return x.map((v, i) => {
    const touched = type === 1 ? v + noise[i]! : noise[i]!;
    return Math.min(Math.max(rank[i]! < k ? touched : v, low), high);
  });
}
