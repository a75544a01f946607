import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type NormShape, requireChannels, requireEpsilon, spannedGrid } from "./channels.ts";

export const batchApplySpec: KernelSpec = {
  name: "norm/batch-apply",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", span: "u32", epsilon: "f32", relu: "u32" },
  reads: ["x", "mean", "variance", "gamma", "beta"],
  writes: ["y"],
  constants: { WG: 8, PER: 8 },
};

/**
 * y = gamma · (x − mean) / √(variance + epsilon) + beta, then ReLU if asked. With the batch's statistics this is training
 * mode, with running ones evaluation mode.
 *
 * @param x              [rows, C] f32; rows = n·h·w.
 * @param mean, variance [C] f32; variance ≥ 0, biased.
 * @param gamma, beta    [C] f32; padding lanes 0.
 * @param y              [rows, C] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function batchApply(x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, y: Tensor, shape: NormShape, { relu = false }: { readonly relu?: boolean } = {}): Dispatch {
  const quads = requireChannels(batchApplySpec, shape, { x, y }, { mean, variance, gamma, beta });
  requireEpsilon(batchApplySpec, shape.epsilon);
  const { total, span, workgroups } = spannedGrid(batchApplySpec, shape.rows, quads);
  const params = { total, quads, span, epsilon: shape.epsilon, relu: Number(relu) };
  return { kind: "dispatch", spec: batchApplySpec, params, buffers: [x, mean, variance, gamma, beta, y], workgroups };
}
