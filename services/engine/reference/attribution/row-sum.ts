/** Sum of each row. @param map [n, m]. @returns [n]. */
export function rowSumReference(map: Float64Array, m: number): Float64Array {
  return Float64Array.from({ length: map.length / m }, (_, row) => map.subarray(row * m, (row + 1) * m).reduce((sum, v) => sum + v, 0));
}
