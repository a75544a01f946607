/** One layer of comparators: columns i and i + half (or i's mirror image) of each block of 2·half, partners beyond m left out. @returns [n, m] u32, both. */
export function sortStrideReference(keys: ArrayLike<number>, order: ArrayLike<number>, m: number, half: number, flip: boolean): { keys: Uint32Array; order: Uint32Array } {
  const y = { keys: Uint32Array.from(keys), order: Uint32Array.from(order) };
  for (let i = 0; i < keys.length; i++) {
    const column = i % m;
    const within = column % (2 * half);
    if (within >= half) continue;
    const distance = flip ? 2 * half - 1 - 2 * within : half;
    if (column + distance >= m) continue;
    const j = i + distance;
    if (y.keys[i]! < y.keys[j]! || (y.keys[i] === y.keys[j] && y.order[i]! < y.order[j]!)) continue;
    [y.keys[i], y.keys[j]] = [y.keys[j]!, y.keys[i]!];
    [y.order[i], y.order[j]] = [y.order[j]!, y.order[i]!];
  }
  return y;
}
