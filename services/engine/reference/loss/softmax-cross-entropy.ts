/**
 * Cross-entropy of each image: log of the sum over j of exp(f_j − f_label).
 *
 * @param logits [n, k]. @param labels [n] in [0, k). @returns [n], nats.
 */
export function softmaxCrossEntropyReference(logits: Float64Array, labels: ArrayLike<number>, { n, k }: { readonly n: number; readonly k: number }): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    const row = logits.subarray(i * k, (i + 1) * k);
    const top = Math.max(...row);
    const label = labels[i]!;
    const others = row.reduce((sum, f, j) => (j === label ? sum : sum + Math.exp(f - top)), 0);
    const below = row[label]! - top;
    // log(others + e^below) − below; for a sure image (below = 0) log1p keeps the digits of a small `others`.
    return below === 0 ? Math.log1p(others) : Math.log(others + Math.exp(below)) - below;
  });
}
