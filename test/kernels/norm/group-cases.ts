import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupStatisticsReference } from "../../../services/engine/reference/norm/group-statistics.ts";
import { uniform } from "../../support/random.ts";
import { between } from "./cases.ts";

/** Layer norm: one of each, primes, one under, at and over a workgroup's 8 groups; group and instance norm; groups long enough to be shared. */
export const groupCases: readonly GroupShape[] = [
  { groups: 1, size: 1, channels: 1, inner: 1 },
  { groups: 7, size: 5, channels: 5, inner: 1 },
  { groups: 8, size: 64, channels: 64, inner: 1 },
  { groups: 9, size: 193, channels: 193, inner: 1 },
  { groups: 6, size: 2 * 35, channels: 6, inner: 35 }, // 2 images, 3 groups of 2 channels of 5 × 7
  { groups: 33, size: 13, channels: 11, inner: 13 }, // instance norm: 3 images of 11 channels
  { groups: 4, size: 3 * 683, channels: 6, inner: 683 }, // shared: 2 images, 2 groups of 3 channels
  { groups: 3, size: 2047, channels: 2047, inner: 1 },
  { groups: 3, size: 2048, channels: 2048, inner: 1 },
  { groups: 2, size: 50_021, channels: 1, inner: 50_021 },
];

export function describeGroups({ groups, size, channels, inner }: GroupShape): string { return `${groups} groups of ${size}, ${channels} channels of ${inner}`; }

/** dy, x, gamma and beta from a seed, and the statistics of x, rounded to f32 as a kernel reads them. */
export function groupData(shape: GroupShape, seed = 1): { dy: Float64Array; x: Float64Array; gamma: Float64Array; beta: Float64Array; statistics: Float64Array } {
  const n = shape.groups * shape.size;
  const x = uniform(seed, n);
  return { x, dy: uniform(seed + 1, n), gamma: between(seed + 2, shape.channels, 0.5, 2), beta: uniform(seed + 3, shape.channels), statistics: groupStatisticsReference(x, shape, 1e-3).map(Math.fround) };
}
