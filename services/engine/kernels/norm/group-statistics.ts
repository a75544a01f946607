import type { Dispatch } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { requireEpsilon } from "./channels.ts";
import { formFor, groupForms, type GroupShape, groupWorkgroups, requireGroups } from "./groups.ts";

export const groupStatisticsSpecs = groupForms({ name: "norm/group-statistics", params: { groups: "u32", size: "u32", epsilon: "f32" }, reads: ["x"], writes: ["statistics"] });

/**
 * Mean and 1/√(variance + epsilon) of each group, with the biased variance, in two passes.
 *
 * @param x          [groups, size] f32.
 * @param statistics [groups, 2] f32, output.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE unless 0 < epsilon ≤ 1.
 */
export function groupStatistics(x: Tensor, statistics: Tensor, shape: GroupShape, epsilon: number): Dispatch {
  const spec = formFor(groupStatisticsSpecs, shape);
  requireGroups(spec, shape, { x }, { statistics });
  requireEpsilon(spec, epsilon);
  return { kind: "dispatch", spec, params: { groups: shape.groups, size: shape.size, epsilon }, buffers: [x, statistics], workgroups: groupWorkgroups(spec, shape) };
}
