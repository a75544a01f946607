export interface AdamwReferenceOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** 1 − beta1^t and 1 − beta2^t. */
  readonly correction1: number;
  readonly correction2: number;
}

/** One step of PyTorch's optim.AdamW, in its order. @param w, g, m, v [n]. @returns the new w, m and v, [n] each. */
export function adamwReference(w: Float64Array, g: Float64Array, m: Float64Array, v: Float64Array, o: AdamwReferenceOptions): { w: Float64Array; m: Float64Array; v: Float64Array } {
  const decayed = w.map((value) => value * (1 - o.learningRate * o.weightDecay));
  const first = m.map((value, i) => o.beta1 * value + (1 - o.beta1) * g[i]!);
  const second = v.map((value, i) => o.beta2 * value + (1 - o.beta2) * g[i]! ** 2);
  const next = decayed.map((value, i) => {
    const denominator = Math.sqrt(second[i]!) / Math.sqrt(o.correction2) + o.epsilon;
    return value - ((o.learningRate / o.correction1) * first[i]!) / denominator;
  });
  return { w: next, m: first, v: second };
}
