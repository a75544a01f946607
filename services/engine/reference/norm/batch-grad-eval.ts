import type { NormNchw } from "./batch-apply.ts";
import { channelOf } from "./channels.ts";

/** dx of batch norm in evaluation mode. @param dy [n, c, h, w]. @param variance, gamma [c]. @returns [n, c, h, w]. */
export function batchGradEvalReference(dy: Float64Array, variance: Float64Array, gamma: Float64Array, shape: NormNchw): Float64Array {
  return dy.map((d, i) => {
    const k = channelOf(i, shape);
    return (d * gamma[k]!) / Math.sqrt(variance[k]! + shape.epsilon);
  });
}
