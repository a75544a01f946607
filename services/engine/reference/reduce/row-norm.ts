/** ‖a - b‖₂ of each row, ‖a‖₂ when b is null. @param a, b [n, m]. @returns [n]. */
export function rowNormReference(a: Float64Array, b: Float64Array | null, m: number): Float64Array {
  return Float64Array.from({ length: a.length / m }, (_, row) => {
    let squares = 0;
    for (let i = row * m; i < (row + 1) * m; i++) squares += (a[i]! - (b?.[i] ?? 0)) ** 2;
    return Math.sqrt(squares);
  });
}
