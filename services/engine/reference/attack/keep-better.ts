/** Per image the higher-scoring of the two, best on ties and NaN. @param candidate, best [n, m]. @param scores [n]. */
export function keepBetterReference(candidate: Float64Array, candidateScore: Float64Array, best: Float64Array, bestScore: Float64Array): { best: Float64Array; bestScore: Float64Array } {
  const m = best.length / bestScore.length;
  const better = (row: number): boolean => candidateScore[row]! > bestScore[row]!;
  return {
    best: best.map((v, i) => (better(Math.floor(i / m)) ? candidate[i]! : v)),
    bestScore: bestScore.map((v, row) => (better(row) ? candidateScore[row]! : v)),
  };
}
