import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type GroupShape, requireGroups } from "./groups.ts";

export const groupApplySpec: KernelSpec = {
  name: "norm/group-apply", lib: ["lib/grid"], params: { n: "u32", size: "u32", inner: "u32", channels: "u32", affine: "u32" },
  reads: ["x", "statistics", "gamma", "beta"], writes: ["y"], constants: { WG: 8, PER: 64 },
};

/**
 * y = (x − mean)/√(variance + epsilon) · gamma + beta.
 *
 * @param x           [groups, size] f32.
 * @param statistics  [groups, 2] f32, from groupStatistics.
 * @param y           as x, output; may not alias another tensor.
 * @param gamma, beta [channels] f32; without gamma the scale is 1, without beta the shift 0.
 * @throws EngineError SHAPE_MISMATCH, also for a beta without gamma.
 */
export function groupApply(x: Tensor, statistics: Tensor, y: Tensor, shape: GroupShape, { gamma, beta }: { readonly gamma?: Tensor | undefined; readonly beta?: Tensor | undefined }): Dispatch {
  const { name } = groupApplySpec;
  requireGroups(groupApplySpec, shape, { x, y }, { statistics }, { gamma, beta });
  if (beta && !gamma) throw new EngineError("SHAPE_MISMATCH", `${name}: expected gamma with beta, got beta alone`);
  const n = shape.groups * shape.size;
  const affine = beta ? 2 : gamma ? 1 : 0;
  return { kind: "dispatch", spec: groupApplySpec, params: { n, size: shape.size, inner: shape.inner, channels: shape.channels, affine }, buffers: [x, statistics, gamma ?? x, beta ?? x, y], workgroups: elementwiseGroups(groupApplySpec, n) };
}
