/** Each row in ascending order, NaN first. @param values [n, m]. @returns [n, m]. */
export function sortRowsReference(values: Float64Array, m: number): Float64Array {
  const y = values.map((v) => v + 0); // -0 + 0 = +0
  for (let row = 0; row < y.length / m; row++) {
    const sorted = y.slice(row * m, (row + 1) * m).sort(); // NaN last
    const nans = sorted.filter(Number.isNaN).length;
    y.set(sorted.subarray(m - nans), row * m);
    y.set(sorted.subarray(0, m - nans), row * m + nans);
  }
  return y;
}
