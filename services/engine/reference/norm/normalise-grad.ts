import { channelOf, type Nchw } from "./channels.ts";

/** dimage = dy / deviation per channel. @param dy [n, c, h, w]. @param deviation [c]. @returns [n, c, h, w]. */
export function normaliseGradReference(dy: Float64Array, deviation: Float64Array, shape: Nchw): Float64Array {
  return dy.map((d, i) => d / deviation[channelOf(i, shape)]!);
}
