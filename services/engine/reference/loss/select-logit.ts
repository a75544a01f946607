/** The logit of each image's label. @param logits [n, k]. @param labels [n] in [0, k). @returns [n]. */
export function selectLogitReference(logits: Float64Array, labels: ArrayLike<number>, { n, k }: { readonly n: number; readonly k: number }): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => logits[i * k + labels[i]!]!);
}
