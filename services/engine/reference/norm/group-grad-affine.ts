import { channelOfGroup, type Groups, standardised } from "./group-statistics.ts";

/** The gradients of gamma, Σ dy · x̂, and of beta, Σ dy. @param dy, x [groups, size]. @returns [channels] each. */
export function groupGradAffineReference(dy: Float64Array, x: Float64Array, statistics: Float64Array, shape: Groups): { dgamma: Float64Array; dbeta: Float64Array } {
  const [dgamma, dbeta] = [new Float64Array(shape.channels), new Float64Array(shape.channels)];
  standardised(x, statistics, shape).forEach((v, i) => {
    dgamma[channelOfGroup(i, shape)]! += dy[i]! * v;
    dbeta[channelOfGroup(i, shape)]! += dy[i]!;
  });
  return { dgamma, dbeta };
}
