import { channelOfGroup, type Groups, standardised } from "./group-statistics.ts";

/** The means of g and of g · x̂ over each group, g = dy · gamma. @returns [groups, 2]. */
export function groupGradSumsReference(dy: Float64Array, x: Float64Array, statistics: Float64Array, shape: Groups, gamma?: Float64Array): Float64Array {
  const xhat = standardised(x, statistics, shape);
  const sums = new Float64Array(2 * shape.groups);
  scaled(dy, shape, gamma).forEach((g, i) => {
    const group = Math.floor(i / shape.size);
    sums[2 * group]! += g / shape.size;
    sums[2 * group + 1]! += (g * xhat[i]!) / shape.size;
  });
  return sums;
}

/** dx = (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + epsilon). @param sums from groupGradSumsReference. */
export function groupGradApplyReference(dy: Float64Array, x: Float64Array, statistics: Float64Array, sums: Float64Array, shape: Groups, gamma?: Float64Array): Float64Array {
  const xhat = standardised(x, statistics, shape);
  return scaled(dy, shape, gamma).map((g, i) => {
    const group = Math.floor(i / shape.size);
    return (g - sums[2 * group]! - xhat[i]! * sums[2 * group + 1]!) * statistics[2 * group + 1]!;
  });
}

function scaled(dy: Float64Array, shape: Groups, gamma: Float64Array | undefined): Float64Array {
  return gamma ? dy.map((v, i) => v * gamma[channelOfGroup(i, shape)]!) : dy;
}
