import { philox4x32 } from "../../../common/rng.ts";

/** A RandomKey whose words are all known. */
export interface ReferenceKey { readonly seedLow: number; readonly seedHigh: number; readonly draw: number; readonly stream: number }

/** Word c mod 4 of block c div 4 for each column c of each image. @param images [n]. @param draws [n], added. @returns [n, m] u32 words. */
export function fillBitsReference(images: ArrayLike<number>, m: number, { seedLow, seedHigh, draw, stream }: ReferenceKey, draws?: ArrayLike<number>): Uint32Array {
  const y = new Uint32Array(images.length * m);
  for (let i = 0; i < images.length; i++) {
    for (let c = 0; c < m; c++) {
      const words = philox4x32([Math.floor(c / 4), images[i]!, (draw + (draws?.[i] ?? 0)) >>> 0, stream], [seedLow, seedHigh]);
      y[i * m + c] = words[c % 4]!;
    }
  }
  return y;
}
