import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type GroupShape, requireGroups } from "./groups.ts";

export const groupGradApplySpec: KernelSpec = {
  name: "norm/group-grad-apply", lib: ["lib/grid"], params: { n: "u32", size: "u32", inner: "u32", channels: "u32", scaled: "u32" },
  reads: ["dy", "x", "statistics", "sums", "gamma"], writes: ["dx"], constants: { WG: 8, PER: 64 },
};

/**
 * dx = (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + epsilon), with g = dy · gamma (dy without one) and means over a group.
 *
 * @param dy, x      [groups, size] f32.
 * @param statistics [groups, 2] f32, from groupStatistics.
 * @param sums       [groups, 2] f32, from groupGradSums.
 * @param dx         as x, output; may not alias another tensor.
 * @param gamma      [channels] f32.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function groupGradApply(dy: Tensor, x: Tensor, statistics: Tensor, sums: Tensor, dx: Tensor, shape: GroupShape, gamma?: Tensor): Dispatch {
  requireGroups(groupGradApplySpec, shape, { dy, x, dx }, { statistics, sums }, { gamma });
  const n = shape.groups * shape.size;
  const params = { n, size: shape.size, inner: shape.inner, channels: shape.channels, scaled: Number(gamma !== undefined) };
  return { kind: "dispatch", spec: groupGradApplySpec, params, buffers: [dy, x, statistics, sums, gamma ?? x, dx], workgroups: elementwiseGroups(groupGradApplySpec, n) };
}
