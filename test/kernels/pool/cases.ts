import type { PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { describePair, describeSides, pair, sides } from "../../../services/engine/kernels/window.ts";
import { uniform } from "../../support/random.ts";

/**
 * Shapes for the pooling tests: a single cell, primes, windows that overlap, that leave cells out and that reach over
 * the border, channel counts around the vec4, and one large enough for many workgroups.
 */
export const poolCases: readonly PoolOptions[] = [
  { n: 1, c: 1, h: 1, w: 1, window: 1 },
  { n: 2, c: 3, h: 7, w: 5, window: 2 },
  { n: 1, c: 5, h: 8, w: 6, window: 2 },
  { n: 3, c: 4, h: 7, w: 11, window: 3, stride: 2, padding: 1 },
  { n: 1, c: 2, h: 5, w: 6, window: 3, stride: 1, padding: 1 },
  { n: 1, c: 6, h: 9, w: 9, window: 2, stride: 3 },
  { n: 2, c: 9, h: 4, w: 6, window: [4, 6] },
  { n: 2, c: 3, h: 9, w: 8, window: [3, 2], stride: [1, 3], padding: [0, 1, 2, 0] },
  { n: 1, c: 5, h: 6, w: 7, window: 2, stride: 1, padding: [0, 0, 1, 1] },
  { n: 1, c: 2, h: 5, w: 5, window: 3, stride: 1, padding: [2, 0, 0, 2] },
  { n: 2, c: 3, h: 7, w: 8, window: 3, stride: 2, ceilMode: true },
  { n: 1, c: 4, h: 6, w: 6, window: 3, stride: 2, padding: 1, ceilMode: true },
  { n: 1, c: 3, h: 7, w: 9, window: [2, 3], stride: [3, 4], padding: [1, 1, 0, 1], ceilMode: true },
  { n: 1, c: 1, h: 5, w: 5, window: 2, stride: 4, padding: 1, ceilMode: true },
  { n: 3, c: 13, h: 16, w: 14, window: 3, stride: 2, padding: 1 },
];

/** For max pooling alone: cells that do not touch. */
export const dilatedCases: readonly PoolOptions[] = [
  { n: 2, c: 3, h: 9, w: 8, window: 3, stride: 1, dilation: 2 },
  { n: 1, c: 5, h: 8, w: 10, window: [2, 3], stride: [2, 1], padding: [1, 1, 0, 1], dilation: [3, 2] },
  { n: 1, c: 2, h: 7, w: 7, window: 3, stride: 2, padding: 1, dilation: [2, 1], ceilMode: true },
  { n: 1, c: 1, h: 6, w: 9, window: 2, stride: 3, padding: [1, 2, 1, 0], dilation: [2, 4] },
];

/** Multiples of 1/4 in [-1, 1): windows with equal maxima are then common, as they are after a ReLU. */
export function quantised(seed: number, n: number): Float64Array {
  return uniform(seed, n, 4).map((v) => Math.floor(v) / 4);
}

export function describePool({ n, c, h, w, window, stride = window, padding = 0, dilation = 1, ceilMode = false }: PoolOptions): string {
  const geometry = `window ${pair(window).join("×")} stride ${describePair(pair(stride))} padding ${describeSides(sides(padding))} dilation ${describePair(pair(dilation))}`;
  return `[${n}, ${c}, ${h}, ${w}] ${geometry}${ceilMode ? " rounded up" : ""}`;
}
