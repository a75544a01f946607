import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { mergeStatistics } from "./batch-statistics-merge.ts";
import { type ChannelShape, requireChannels, sliceElements, slicesOf } from "./channels.ts";

export const batchStatisticsSpec: KernelSpec = {
  name: "norm/batch-statistics",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", slice_rows: "u32", slices: "u32" },
  reads: ["x"],
  writes: ["parts"],
  constants: { WG: 8 },
};

/** Elements of batchStatistics' `scratch`. @throws EngineError SHAPE_MISMATCH. */
export function scratchElements(shape: ChannelShape): number { return sliceElements(batchStatisticsSpec.name, shape); }

/**
 * Per-channel mean and biased variance over rows, keeping its digits when mean ≫ deviation; a fixed order of summation.
 *
 * @param x        [rows, C] f32; rows = n·h·w.
 * @param mean     [C] f32, output.
 * @param variance [C] f32, output: sum of squared deviations / rows. PyTorch's running variance takes rows/(rows − 1) of it.
 * @param scratch  [scratchElements({ rows, c })] f32; its contents before and after mean nothing.
 * @returns two dispatches. No output may alias another tensor.
 * @throws EngineError SHAPE_MISMATCH when rows or c is not a positive integer or a tensor is too small.
 */
export function batchStatistics(x: Tensor, mean: Tensor, variance: Tensor, scratch: Tensor, shape: ChannelShape): Step[] {
  const quads = requireChannels(batchStatisticsSpec, shape, { x }, { mean, variance });
  requireElements(batchStatisticsSpec.name, "scratch", scratch, scratchElements(shape));
  const { sliceRows, slices } = slicesOf(shape.rows);
  const params = { rows: shape.rows, quads, slice_rows: sliceRows, slices };
  return [
    { kind: "dispatch", spec: batchStatisticsSpec, params, buffers: [x, scratch], workgroups: elementwiseGroups(batchStatisticsSpec, slices * quads) },
    mergeStatistics(x, scratch, mean, variance, shape),
  ];
}
