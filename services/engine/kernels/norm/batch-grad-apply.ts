import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type NormShape, requireChannels, requireEpsilon, rowGroups } from "./channels.ts";

export const batchGradApplySpec: KernelSpec = {
  name: "norm/batch-grad-apply",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", epsilon: "f32" },
  reads: ["dy", "x", "mean", "variance", "gamma", "sum_dy", "sum_dy_xhat"],
  writes: ["dx"],
  constants: { WG: 8, PER: 64 },
};

/**
 * dx of batch norm in training mode, where mean and variance depend on x.
 *
 * @param dy, x            [rows, C] f32; rows = n·h·w.
 * @param mean, variance   [C] f32, of this batch (biased).
 * @param gamma            [C] f32; padding lanes 0.
 * @param sumDy, sumDyXhat [C] f32, from batchGradSums.
 * @param dx               [rows, C] f32, output; may not alias the others.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function batchGradApply(dy: Tensor, x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, sumDy: Tensor, sumDyXhat: Tensor, dx: Tensor, shape: NormShape): Dispatch {
  const quads = requireChannels(batchGradApplySpec, shape, { dy, x, dx }, { mean, variance, gamma, sumDy, sumDyXhat });
  requireEpsilon(batchGradApplySpec, shape.epsilon);
  const params = { rows: shape.rows, quads, epsilon: shape.epsilon };
  return { kind: "dispatch", spec: batchGradApplySpec, params, buffers: [dy, x, mean, variance, gamma, sumDy, sumDyXhat, dx], workgroups: rowGroups(batchGradApplySpec, shape.rows, quads) };
}
