/** scale at each image's label, 0 elsewhere. @param labels [n] in [0, k). @returns [n, k]. */
export function selectLogitGradReference(labels: ArrayLike<number>, { n, k, scale }: { readonly n: number; readonly k: number; readonly scale: number }): Float64Array {
  return Float64Array.from({ length: n * k }, (_, i) => (i % k === labels[Math.floor(i / k)] ? scale : 0));
}
