import { type Nchw, sumPerChannel } from "./channels.ts";

/** Per-channel mean and biased variance, in two passes. @param x [n, c, h, w]. @returns [c] each. */
export function batchStatisticsReference(x: Float64Array, shape: Nchw): { mean: Float64Array; variance: Float64Array } {
  const rows = shape.n * shape.h * shape.w;
  const mean = sumPerChannel(shape, (i) => x[i]!).map((sum) => sum / rows);
  const variance = sumPerChannel(shape, (i, k) => (x[i]! - mean[k]!) ** 2).map((sum) => sum / rows);
  return { mean, variance };
}
