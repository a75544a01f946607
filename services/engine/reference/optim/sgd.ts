export interface SgdReferenceOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
}

/** One step of PyTorch's optim.SGD, dampening 0. @param w, g, velocity [n]. @returns the new w and velocity, [n] each. */
export function sgdReference(w: Float64Array, g: Float64Array, velocity: Float64Array, { learningRate, momentum, weightDecay, nesterov }: SgdReferenceOptions): { w: Float64Array; velocity: Float64Array } {
  const d = g.map((gradient, i) => gradient + weightDecay * w[i]!);
  const next = velocity.map((v, i) => momentum * v + d[i]!);
  const direction = nesterov ? d.map((value, i) => value + momentum * next[i]!) : next;
  return { w: w.map((value, i) => value - learningRate * direction[i]!), velocity: next };
}
