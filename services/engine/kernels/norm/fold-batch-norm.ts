import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { requireChannels, requireEpsilon, rowGroups } from "./channels.ts";

export const foldBatchNormSpec: KernelSpec = {
  name: "norm/fold-batch-norm",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", epsilon: "f32", has_bias: "u32" },
  reads: ["w", "bias", "gamma", "beta", "mean", "variance"],
  writes: ["w_folded", "bias_folded"],
  constants: { WG: 8, PER: 64 },
};

export interface FoldTensors {
  /** [rows, K] f32: a physical convolution or linear weight. */
  readonly w: Tensor;
  /** [K] f32; without it 0. */
  readonly bias?: Tensor | undefined;
  /** [K] f32 each; padding lanes 0. mean and variance are the running ones. */
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** [rows, K] f32, output. */
  readonly wFolded: Tensor;
  /** [K] f32, output. */
  readonly biasFolded: Tensor;
}

/**
 * Folds evaluation-mode batch norm into the layer before it: w' = w · s and b' = (b − mean) · s + beta per output
 * channel, with s = gamma / √(variance + epsilon). Outputs may not alias inputs.
 *
 * @param shape rows of w (taps · input channels), k output channels, epsilon > 0.
 * @throws EngineError SHAPE_MISMATCH (rows, k, sizes); VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function foldBatchNorm({ w, bias, gamma, beta, mean, variance, wFolded, biasFolded }: FoldTensors, { rows, k, epsilon }: { readonly rows: number; readonly k: number; readonly epsilon: number }): Step[] {
  const spec = foldBatchNormSpec;
  const quads = requireChannels(spec, { rows, c: k }, { w, wFolded }, { gamma, beta, mean, variance, biasFolded, ...(bias && { bias }) });
  requireEpsilon(spec, epsilon);
  const params = { rows, quads, epsilon, has_bias: Number(bias !== undefined) };
  return [{ kind: "dispatch", spec, params, buffers: [w, bias ?? beta, gamma, beta, mean, variance, wFolded, biasFolded], workgroups: rowGroups(spec, rows, quads) }];
}
