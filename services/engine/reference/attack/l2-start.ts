import { philox4x32 } from "../../../common/rng.ts";
import type { ReferenceKey } from "../random/fill-bits.ts";
import { fillNormalReference } from "../random/fill-normal.ts";

/** clip_[low,high](x0 + z/‖z‖·u^(1/m)·ε) per image; u from block 2^32 - 1. @param x0 [n, m]. @param images [n]. @returns [n, m]. */
export function l2StartReference(x0: Float64Array, images: ArrayLike<number>, { epsilon, low = 0, high = 1, ...key }: ReferenceKey & { epsilon: number; low?: number; high?: number }, draws?: ArrayLike<number>): Float64Array {
  const m = x0.length / images.length;
  const z = fillNormalReference(images, m, key, draws);
  return x0.map((v, i) => {
    const row = Math.floor(i / m);
    const norm = Math.hypot(...z.subarray(row * m, (row + 1) * m));
    const word = philox4x32([0xffffffff, images[row]!, (key.draw + (draws?.[row] ?? 0)) >>> 0, key.stream], [key.seedLow, key.seedHigh])[0];
    const radius = (((word >>> 8) + 1) / 2 ** 24) ** (1 / m) * epsilon;
    return Math.min(Math.max(v + (norm > 0 ? (z[i]! / norm) * radius : 0), low), high);
  });
}
