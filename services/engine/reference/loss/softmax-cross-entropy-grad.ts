/**
 * scale · (softmax − onehot), with p_label − 1 formed as minus the sum of the other probabilities.
 *
 * @param logits [n, k]. @param labels [n] in [0, k). @returns [n, k].
 */
export function softmaxCrossEntropyGradReference(logits: Float64Array, labels: ArrayLike<number>, { n, k, scale }: { readonly n: number; readonly k: number; readonly scale: number }): Float64Array {
  const dlogits = new Float64Array(n * k);
  for (let i = 0; i < n; i++) {
    const row = logits.subarray(i * k, (i + 1) * k);
    const top = Math.max(...row);
    const total = row.reduce((sum, f) => sum + Math.exp(f - top), 0);
    const label = labels[i]!;
    let others = 0;
    row.forEach((f, j) => {
      if (j === label) return;
      const p = Math.exp(f - top) / total;
      dlogits[i * k + j] = scale * p;
      others += p;
    });
    dlogits[i * k + label] = -scale * others;
  }
  return dlogits;
}
