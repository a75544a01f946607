/** sum_i + Σ_j w_j g_j (g_j² when squared) over rows firstRow_i … firstRow_i + rowCount_i - 1. @param gradient [rows, m]. @param sum [n, m]. @returns [n, m]. */
export function pathAccumulateReference(gradient: Float64Array, weight: Float64Array, firstRow: ArrayLike<number>, rowCount: ArrayLike<number>, sum: Float64Array, squared = false): Float64Array {
  const m = sum.length / firstRow.length;
  return sum.map((v, i) => {
    const image = Math.floor(i / m);
    let total = v;
    for (let row = firstRow[image]!; row < firstRow[image]! + rowCount[image]!; row++) {
      const g = gradient[row * m + (i % m)]!;
      total += weight[row]! * (squared ? g * g : g);
    }
    return total;
  });
}
