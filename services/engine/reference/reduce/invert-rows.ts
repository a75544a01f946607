/** rank[row, order[row, p]] = p. @param order [n, m], permutations. @returns [n, m]. */
export function invertRowsReference(order: ArrayLike<number>, m: number): Uint32Array {
  const rank = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) rank[Math.floor(i / m) * m + order[i]!] = i % m;
  return rank;
}
