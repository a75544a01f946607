/** Logical shape of an activation, NCHW; features have h = w = 1. */
export interface Nchw {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
}

/** The channel of flat position i. */
export function channelOf(i: number, { c, h, w }: Nchw): number {
  return Math.floor(i / (h * w)) % c;
}

/** Per channel, the sum of value(i, channel) over the n·h·w positions of that channel. @returns [c]. */
export function sumPerChannel(shape: Nchw, value: (i: number, channel: number) => number): Float64Array {
  const sums = new Float64Array(shape.c);
  for (let i = 0; i < shape.n * shape.c * shape.h * shape.w; i++) {
    const k = channelOf(i, shape);
    sums[k]! += value(i, k);
  }
  return sums;
}
