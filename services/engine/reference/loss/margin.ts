/** Label's logit − largest other logit, and the first largest class. @param logits [n, k]. @param labels [n] in [0, k). @returns [n] each. */
export function marginReference(logits: Float64Array, labels: ArrayLike<number>, { n, k }: { readonly n: number; readonly k: number }): { y: Float64Array; prediction: Uint32Array } {
  const rows = Array.from({ length: n }, (_, i) => Array.from(logits.subarray(i * k, (i + 1) * k)));
  return {
    y: Float64Array.from(rows, (row, i) => row[labels[i]!]! - Math.max(...row.filter((_, j) => j !== labels[i]))),
    prediction: Uint32Array.from(rows, (row) => row.indexOf(Math.max(...row))),
  };
}
