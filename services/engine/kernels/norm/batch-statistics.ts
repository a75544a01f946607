import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { mergeStatistics, type StatisticsTensors } from "./batch-statistics-merge.ts";
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
 * Per-channel mean and biased variance over rows, keeping its digits when mean ≫ deviation, and what they make of the
 * running ones; a fixed order of summation.
 *
 * @param x        [rows, C] f32; rows = n·h·w, at least 2.
 * @param outputs  what mergeStatistics writes.
 * @param scratch  [scratchElements({ rows, c })] f32; its contents before and after mean nothing.
 * @param momentum share of this batch in the new running statistics, in [0, 1].
 * @returns two dispatches. No output may alias another tensor.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE (momentum).
 */
export function batchStatistics(x: Tensor, outputs: StatisticsTensors, scratch: Tensor, shape: ChannelShape, momentum: number): Step[] {
  const quads = requireChannels(batchStatisticsSpec, shape, { x }, {});
  requireElements(batchStatisticsSpec.name, "scratch", scratch, scratchElements(shape));
  const { sliceRows, slices } = slicesOf(shape.rows);
  const params = { rows: shape.rows, quads, slice_rows: sliceRows, slices };
  return [
    { kind: "dispatch", spec: batchStatisticsSpec, params, buffers: [x, scratch], workgroups: elementwiseGroups(batchStatisticsSpec, slices * quads) },
    mergeStatistics(x, scratch, outputs, shape, momentum),
  ];
}
