import type { Dispatch } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { formFor, groupForms, type GroupShape, groupWorkgroups, requireGroups } from "./groups.ts";

export const groupGradSumsSpecs = groupForms({
  name: "norm/group-grad-sums", params: { groups: "u32", size: "u32", inner: "u32", channels: "u32", scaled: "u32" },
  reads: ["dy", "x", "statistics", "gamma"], writes: ["sums"],
});

/**
 * What groupGradApply needs of each group: the means of g and of g · x̂, with g = dy · gamma (dy without one).
 *
 * @param dy, x      [groups, size] f32.
 * @param statistics [groups, 2] f32, from groupStatistics.
 * @param sums       [groups, 2] f32, output.
 * @param gamma      [channels] f32.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function groupGradSums(dy: Tensor, x: Tensor, statistics: Tensor, sums: Tensor, shape: GroupShape, gamma?: Tensor): Dispatch {
  const spec = formFor(groupGradSumsSpecs, shape);
  requireGroups(spec, shape, { dy, x }, { statistics, sums }, { gamma });
  return { kind: "dispatch", spec, params: { ...shape, scaled: Number(gamma !== undefined) }, buffers: [dy, x, statistics, gamma ?? x, sums], workgroups: groupWorkgroups(spec, shape) };
}
