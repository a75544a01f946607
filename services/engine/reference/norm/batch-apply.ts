import { channelOf, type Nchw } from "./channels.ts";

/** Logical shape and the number added to the variance under the root. */
export interface NormNchw extends Nchw {
  readonly epsilon: number;
}

/**
 * y = gamma · (x − mean) / √(variance + epsilon) + beta, plus a residual if there is one, then ReLU if asked.
 *
 * @param x, residual [n, c, h, w]. @param mean, variance, gamma, beta [c]. @returns [n, c, h, w].
 */
export function batchApplyReference(x: Float64Array, mean: Float64Array, variance: Float64Array, gamma: Float64Array, beta: Float64Array, shape: NormNchw, { residual, relu = false }: { readonly residual?: Float64Array; readonly relu?: boolean } = {}): Float64Array {
  return x.map((v, i) => {
    const k = channelOf(i, shape);
    const y = (gamma[k]! * (v - mean[k]!)) / Math.sqrt(variance[k]! + shape.epsilon) + beta[k]! + (residual?.[i] ?? 0);
    return relu ? Math.max(y, 0) : y;
  });
}
