/** Each run of `chunk` columns of each row in ascending order of (key, order). @param keys, order [n, m] u32. @returns both, sorted. */
export function sortChunkReference(keys: ArrayLike<number>, order: ArrayLike<number>, m: number, chunk: number): { keys: Uint32Array; order: Uint32Array } {
  const places: number[] = [];
  for (let first = 0; first < keys.length; ) {
    const column = first % m;
    const last = first + Math.min(chunk, m - column);
    const run = Array.from({ length: last - first }, (_, i) => first + i);
    places.push(...run.sort((a, b) => keys[a]! - keys[b]! || order[a]! - order[b]!));
    first = last;
  }
  return { keys: Uint32Array.from(places, (p) => keys[p]!), order: Uint32Array.from(places, (p) => order[p]!) };
}
