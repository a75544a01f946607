import type { NormNchw } from "./batch-apply.ts";
import { sumPerChannel } from "./channels.ts";

/**
 * The gradients of beta and gamma: Σ dy and Σ dy · (x − mean)/√(variance + epsilon) per channel.
 *
 * @param dy, x [n, c, h, w]. @param mean, variance [c]. @returns [c] each.
 */
export function batchGradSumsReference(dy: Float64Array, x: Float64Array, mean: Float64Array, variance: Float64Array, shape: NormNchw): { sumDy: Float64Array; sumDyXhat: Float64Array } {
  return {
    sumDy: sumPerChannel(shape, (i) => dy[i]!),
    sumDyXhat: sumPerChannel(shape, (i, k) => (dy[i]! * (x[i]! - mean[k]!)) / Math.sqrt(variance[k]! + shape.epsilon)),
  };
}
