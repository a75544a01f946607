/** (1 − momentum) · running + momentum · scale · batch. @param running, batch [c]. @returns [c]. */
export function runningUpdateReference(running: Float64Array, batch: Float64Array, momentum: number, scale: number): Float64Array {
  return running.map((v, k) => (1 - momentum) * v + momentum * scale * batch[k]!);
}
