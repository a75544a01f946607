import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { mergeGradSums } from "./batch-grad-sums-merge.ts";
import { type ChannelShape, type NormShape, requireChannels, requireEpsilon, sliceElements, slicesOf } from "./channels.ts";

export const batchGradSumsSpec: KernelSpec = {
  name: "norm/batch-grad-sums",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", slice_rows: "u32", slices: "u32", epsilon: "f32" },
  reads: ["dy", "x", "mean", "variance"],
  writes: ["parts"],
  constants: { WG: 8 },
};

/** Elements of batchGradSums' `scratch`. @throws EngineError SHAPE_MISMATCH. */
export function scratchElements(shape: ChannelShape): number { return sliceElements(batchGradSumsSpec.name, shape); }

/**
 * The gradients of beta, Σ dy, and of gamma, Σ dy · x̂ with x̂ = (x − mean)/√(variance + epsilon), over rows; a fixed
 * order of summation. Training mode needs both for dx; evaluation mode has the same formula with running statistics.
 *
 * @param dy, x          [rows, C] f32; rows = n·h·w.
 * @param mean, variance [C] f32, those the forward pass used.
 * @param sumDy          [C] f32, output: dβ.
 * @param sumDyXhat      [C] f32, output: dγ.
 * @param scratch        [scratchElements({ rows, c })] f32; its contents before and after mean nothing.
 * @returns two dispatches. No output may alias another tensor.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function batchGradSums(dy: Tensor, x: Tensor, mean: Tensor, variance: Tensor, sumDy: Tensor, sumDyXhat: Tensor, scratch: Tensor, shape: NormShape): Step[] {
  const spec = batchGradSumsSpec;
  const quads = requireChannels(spec, shape, { dy, x }, { mean, variance, sumDy, sumDyXhat });
  requireElements(spec.name, "scratch", scratch, scratchElements(shape));
  requireEpsilon(spec, shape.epsilon);
  const { sliceRows, slices } = slicesOf(shape.rows);
  const params = { rows: shape.rows, quads, slice_rows: sliceRows, slices, epsilon: shape.epsilon };
  return [
    { kind: "dispatch", spec, params, buffers: [dy, x, mean, variance, scratch], workgroups: elementwiseGroups(spec, slices * quads) },
    mergeGradSums(scratch, sumDy, sumDyXhat, shape),
  ];
}
