export interface FoldVectors {
  /** [k] each; bias may be missing. */
  readonly bias?: Float64Array;
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Weight and bias that include evaluation-mode batch norm. @param w [rows, k], output channels last. @returns [rows, k] and [k]. */
export function foldBatchNormReference(w: Float64Array, { bias, gamma, beta, mean, variance }: FoldVectors, epsilon: number): { wFolded: Float64Array; biasFolded: Float64Array } {
  const scale = gamma.map((g, o) => g / Math.sqrt(variance[o]! + epsilon));
  return {
    wFolded: w.map((v, i) => v * scale[i % scale.length]!),
    biasFolded: scale.map((s, o) => ((bias?.[o] ?? 0) - mean[o]!) * s + beta[o]!),
  };
}
