import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type ChannelShape, requireChannels, sliceElements, slicesOf } from "./channels.ts";

export const batchStatisticsMergeSpec: KernelSpec = {
  name: "norm/batch-statistics-merge",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", slice_rows: "u32", slices: "u32" },
  reads: ["x", "parts"],
  writes: ["mean", "variance"],
  constants: { WG: 8 },
};

/**
 * The second half of batchStatistics: the slices' parts become the mean and biased variance of all rows.
 *
 * @param x     [rows, C] f32; row 0 is the origin of the slices' means.
 * @param parts [slices, 2, C] f32: mean of the slice minus x[0], and its sum of squared deviations.
 * @throws EngineError SHAPE_MISMATCH when rows or c is not a positive integer or a tensor is too small.
 */
export function mergeStatistics(x: Tensor, parts: Tensor, mean: Tensor, variance: Tensor, shape: ChannelShape): Dispatch {
  const spec = batchStatisticsMergeSpec;
  const quads = requireChannels(spec, shape, { x }, { mean, variance });
  requireElements(spec.name, "parts", parts, sliceElements(spec.name, shape));
  const { sliceRows, slices } = slicesOf(shape.rows);
  const params = { rows: shape.rows, quads, slice_rows: sliceRows, slices };
  return { kind: "dispatch", spec, params, buffers: [x, parts, mean, variance], workgroups: elementwiseGroups(spec, quads) };
}
