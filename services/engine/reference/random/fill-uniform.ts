import { fillBitsReference, type ReferenceKey } from "./fill-bits.ts";

/** low + u (high - low), u = the word's upper 24 bits / 2^24. @param images [n]. @returns [n, m]. */
export function fillUniformReference(images: ArrayLike<number>, m: number, key: ReferenceKey & { low: number; high: number }, draws?: ArrayLike<number>): Float64Array {
  const words = fillBitsReference(images, m, key, draws);
  return Float64Array.from(words, (word) => key.low + ((word >>> 8) / 2 ** 24) * (key.high - key.low));
}
