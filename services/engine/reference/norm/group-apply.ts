import { channelOfGroup, type Groups, standardised } from "./group-statistics.ts";

/** y = x̂ · gamma + beta. @param x [groups, size]. @param statistics [groups, 2]. @param gamma, beta [channels]. */
export function groupApplyReference(x: Float64Array, statistics: Float64Array, shape: Groups, { gamma, beta }: { readonly gamma?: Float64Array | undefined; readonly beta?: Float64Array | undefined }): Float64Array {
  return standardised(x, statistics, shape).map((v, i) => v * (gamma?.[channelOfGroup(i, shape)] ?? 1) + (beta?.[channelOfGroup(i, shape)] ?? 0));
}
