import type { NormNchw } from "./batch-apply.ts";
import { channelOf } from "./channels.ts";

/**
 * dx of batch norm in training mode.
 *
 * @param dy, x [n, c, h, w]. @param mean, variance, gamma [c]. @param sumDy, sumDyXhat [c], from batchGradSumsReference. @returns [n, c, h, w].
 */
export function batchGradApplyReference(dy: Float64Array, x: Float64Array, mean: Float64Array, variance: Float64Array, gamma: Float64Array, sumDy: Float64Array, sumDyXhat: Float64Array, shape: NormNchw): Float64Array {
  const rows = shape.n * shape.h * shape.w;
  return dy.map((d, i) => {
    const k = channelOf(i, shape);
    const deviation = Math.sqrt(variance[k]! + shape.epsilon);
    const xhat = (x[i]! - mean[k]!) / deviation;
    return (gamma[k]! / deviation) * (d - sumDy[k]! / rows - (xhat * sumDyXhat[k]!) / rows);
  });
}
