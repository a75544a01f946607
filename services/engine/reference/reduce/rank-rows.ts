/** Column at each place of a stable descending order (NaN last) and its inverse. @param values [n, m]. @returns both [n, m]. */
export function rankRowsReference(values: ArrayLike<number>, m: number): { order: Uint32Array; rank: Uint32Array } {
  const order = new Uint32Array(values.length);
  const rank = new Uint32Array(values.length);
  for (let row = 0; row < values.length / m; row++) {
    const value = (column: number): number => values[row * m + column]!;
    const isNan = (column: number): number => Number(Number.isNaN(value(column)));
    const columns = Array.from({ length: m }, (_, c) => c);
    columns.sort((a, b) => isNan(a) - isNan(b) || (value(a) > value(b) ? -1 : value(a) < value(b) ? 1 : 0) || a - b);
    columns.forEach((column, place) => {
      order[row * m + place] = column;
      rank[row * m + column] = place;
    });
  }
  return { order, rank };
}
