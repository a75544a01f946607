/** See kernels/norm/groups.ts: element i lies in group ⌊i / size⌋ and has the gamma and beta of channel ⌊i / inner⌋ mod channels. */
export interface Groups {
  readonly groups: number;
  readonly size: number;
  readonly channels: number;
  readonly inner: number;
}

/** @param x [groups, size]. @returns [groups, 2]: mean and 1/√(variance + epsilon), with the biased variance. */
export function groupStatisticsReference(x: Float64Array, { groups, size }: Groups, epsilon: number): Float64Array {
  return Float64Array.from(Array.from({ length: groups }, (_, i) => {
    const group = x.subarray(i * size, (i + 1) * size);
    const mean = group.reduce((sum, v) => sum + v, 0) / size;
    return [mean, 1 / Math.sqrt(group.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size + epsilon)];
  }).flat());
}

/** x̂ = (x − mean)/√(variance + epsilon). @param statistics from groupStatisticsReference. */
export function standardised(x: Float64Array, statistics: Float64Array, { size }: Groups): Float64Array {
  return x.map((v, i) => (v - statistics[2 * Math.floor(i / size)]!) * statistics[2 * Math.floor(i / size) + 1]!);
}

export function channelOfGroup(i: number, { channels, inner }: Groups): number { return Math.floor(i / inner) % channels; }
