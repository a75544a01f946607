import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type NormShape, requireChannels, requireEpsilon, rowGroups } from "./channels.ts";

export const batchApplySpec: KernelSpec = {
  name: "norm/batch-apply",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", epsilon: "f32", residual_added: "u32", relu: "u32" },
  reads: ["x", "mean", "variance", "gamma", "beta", "residual"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

export interface BatchApplyOptions {
  readonly residual?: Tensor | undefined;
  /** Default false. */
  readonly relu?: boolean;
}

/**
 * y = gamma · (x − mean) / √(variance + epsilon) + beta, plus a residual if there is one, then ReLU if asked. With the
 * batch's statistics this is training mode, with running ones evaluation mode.
 *
 * @param x              [rows, C] f32; rows = n·h·w.
 * @param mean, variance [C] f32; variance ≥ 0, biased.
 * @param gamma, beta    [C] f32; padding lanes 0.
 * @param residual       [rows, C] f32.
 * @param y              [rows, C] f32, output; may not alias x or residual.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function batchApply(x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, y: Tensor, shape: NormShape, { residual, relu = false }: BatchApplyOptions = {}): Dispatch {
  const quads = requireChannels(batchApplySpec, shape, { x, y, ...(residual && { residual }) }, { mean, variance, gamma, beta });
  requireEpsilon(batchApplySpec, shape.epsilon);
  const params = { rows: shape.rows, quads, epsilon: shape.epsilon, residual_added: Number(residual !== undefined), relu: Number(relu) };
  return { kind: "dispatch", spec: batchApplySpec, params, buffers: [x, mean, variance, gamma, beta, residual ?? x, y], workgroups: rowGroups(batchApplySpec, shape.rows, quads) };
}
