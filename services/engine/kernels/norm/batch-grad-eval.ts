import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type NormShape, requireChannels, requireEpsilon, rowGroups } from "./channels.ts";

export const batchGradEvalSpec: KernelSpec = {
  name: "norm/batch-grad-eval",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", epsilon: "f32" },
  reads: ["dy", "variance", "gamma"],
  writes: ["dx"],
  constants: { WG: 8, PER: 64 },
};

/**
 * dx of batch norm in evaluation mode: dx = dy · gamma / √(variance + epsilon), the running variance being a constant.
 *
 * @param dy       [rows, C] f32; rows = n·h·w.
 * @param variance [C] f32, running.
 * @param gamma    [C] f32; padding lanes 0.
 * @param dx       [rows, C] f32, output; may not alias dy.
 * @throws EngineError SHAPE_MISMATCH (rows, c, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function batchGradEval(dy: Tensor, variance: Tensor, gamma: Tensor, dx: Tensor, shape: NormShape): Dispatch {
  const quads = requireChannels(batchGradEvalSpec, shape, { dy, dx }, { variance, gamma });
  requireEpsilon(batchGradEvalSpec, shape.epsilon);
  const params = { rows: shape.rows, quads, epsilon: shape.epsilon };
  return { kind: "dispatch", spec: batchGradEvalSpec, params, buffers: [dy, variance, gamma, dx], workgroups: rowGroups(batchGradEvalSpec, shape.rows, quads) };
}
