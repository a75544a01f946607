import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requireRange, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type ChannelShape, requireChannels, sliceElements, slicesOf } from "./channels.ts";

export const batchStatisticsMergeSpec: KernelSpec = {
  name: "norm/batch-statistics-merge",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", slice_rows: "u32", slices: "u32", momentum: "f32" },
  reads: ["x", "parts"],
  writes: ["mean", "variance", "running_mean", "running_variance"],
  constants: { WG: 8 },
};

/** [C] f32 each. */
export interface StatisticsTensors {
  readonly mean: Tensor;
  /** Biased: sum of squared deviations / rows. */
  readonly variance: Tensor;
  /** In place, with padding lanes 0: (1 − momentum) · running + momentum · mean. */
  readonly runningMean: Tensor;
  /** In place, the same with the unbiased variance, rows/(rows − 1) of `variance`, as PyTorch keeps it. */
  readonly runningVariance: Tensor;
}

/**
 * The second half of batchStatistics: the slices' parts become the mean and variance of all rows, and move the running ones.
 *
 * @param x     [rows, C] f32; row 0 is the origin of the slices' means.
 * @param parts [slices, 2, C] f32: mean of the slice minus x[0], and its sum of squared deviations.
 * @throws EngineError SHAPE_MISMATCH when rows < 2, c is not a positive integer or a tensor is too small; VALUE_RANGE unless 0 ≤ momentum ≤ 1.
 */
export function mergeStatistics(x: Tensor, parts: Tensor, { mean, variance, runningMean, runningVariance }: StatisticsTensors, shape: ChannelShape, momentum: number): Dispatch {
  const spec = batchStatisticsMergeSpec;
  const quads = requireChannels(spec, shape, { x }, { mean, variance, runningMean, runningVariance });
  requireElements(spec.name, "parts", parts, sliceElements(spec.name, shape));
  requireRange(spec.name, "momentum", momentum, 0, 1);
  if (shape.rows < 2) throw new EngineError("SHAPE_MISMATCH", `${spec.name}: expected more than one value per channel to train a batch norm, got 1; use a larger batch`, { rows: shape.rows });
  const { sliceRows, slices } = slicesOf(shape.rows);
  const params = { rows: shape.rows, quads, slice_rows: sliceRows, slices, momentum };
  return { kind: "dispatch", spec, params, buffers: [x, parts, mean, variance, runningMean, runningVariance], workgroups: elementwiseGroups(spec, quads) };
}
