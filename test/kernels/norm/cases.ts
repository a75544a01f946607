import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { uniform } from "../../support/random.ts";

/** Shapes for the norm tests: one element, primes, channel counts around the vec4, invocation counts around a workgroup, rows around the 64 of an invocation, and one large. */
export const normCases: readonly Nchw[] = [
  { n: 1, c: 1, h: 1, w: 1 },
  { n: 7, c: 5, h: 1, w: 1 },
  { n: 1, c: 3, h: 7, w: 11 },
  { n: 1, c: 28, h: 1, w: 1 },
  { n: 2, c: 32, h: 2, w: 2 },
  { n: 3, c: 36, h: 3, w: 1 },
  { n: 3, c: 3, h: 7, w: 3 },
  { n: 1, c: 5, h: 8, w: 8 },
  { n: 5, c: 3, h: 13, w: 1 },
  { n: 3, c: 13, h: 16, w: 17 },
];

export function describeNchw({ n, c, h, w }: Nchw): string { return `[${n}, ${c}, ${h}, ${w}]`; }

export function rowsOf({ n, h, w }: Nchw): number { return n * h * w; }

export function sizeOf({ n, c, h, w }: Nchw): number { return n * c * h * w; }

/** Uniform in (low, high), for variances and scales that must stay away from 0. */
export function between(seed: number, n: number, low: number, high: number): Float64Array {
  return uniform(seed, n).map((v) => Math.fround(low + ((v + 1) / 2) * (high - low)));
}
