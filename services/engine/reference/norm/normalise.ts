import { channelOf, type Nchw } from "./channels.ts";

/** y = (image − mean) / deviation per channel. @param image [n, c, h, w]. @param mean, deviation [c]. @returns [n, c, h, w]. */
export function normaliseReference(image: Float64Array, mean: Float64Array, deviation: Float64Array, shape: Nchw): Float64Array {
  return image.map((v, i) => (v - mean[channelOf(i, shape)]!) / deviation[channelOf(i, shape)]!);
}
