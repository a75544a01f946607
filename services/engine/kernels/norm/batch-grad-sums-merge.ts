import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type ChannelShape, requireChannels, sliceElements, slicesOf } from "./channels.ts";

export const batchGradSumsMergeSpec: KernelSpec = {
  name: "norm/batch-grad-sums-merge",
  lib: ["lib/grid"],
  params: { quads: "u32", slices: "u32" },
  reads: ["parts"],
  writes: ["sum_dy", "sum_dy_xhat"],
  constants: { WG: 8 },
};

/**
 * The second half of batchGradSums: sums of the slices' sums.
 *
 * @param parts [slices, 2, C] f32: Σ dy and Σ dy · x̂ over each slice.
 * @throws EngineError SHAPE_MISMATCH when rows or c is not a positive integer or a tensor is too small.
 */
export function mergeGradSums(parts: Tensor, sumDy: Tensor, sumDyXhat: Tensor, shape: ChannelShape): Dispatch {
  const spec = batchGradSumsMergeSpec;
  const quads = requireChannels(spec, shape, {}, { sumDy, sumDyXhat });
  requireElements(spec.name, "parts", parts, sliceElements(spec.name, shape));
  return { kind: "dispatch", spec, params: { quads, slices: slicesOf(shape.rows).slices }, buffers: [parts, sumDy, sumDyXhat], workgroups: elementwiseGroups(spec, quads) };
}
