import type { ReferenceKey } from "../random/fill-bits.ts";
import { fillUniformReference } from "../random/fill-uniform.ts";

/** clip_[low,high](x0 + (2u - 1) ε). @param x0 [n, m]. @param images [n]. @returns [n, m]. */
export function linfStartReference(x0: Float64Array, images: ArrayLike<number>, { epsilon, low = 0, high = 1, ...key }: ReferenceKey & { epsilon: number; low?: number; high?: number }, draws?: ArrayLike<number>): Float64Array {
  const u = fillUniformReference(images, x0.length / images.length, { ...key, low: 0, high: 1 }, draws);
  return x0.map((v, i) => Math.min(Math.max(v + (2 * u[i]! - 1) * epsilon, low), high));
}
