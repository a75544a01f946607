import type { Planes } from "../../../services/engine/graph/physical.ts";

/** One; every remainder of channels by 4; one under, at and over the 128 vec4 of a workgroup; one pixel; large. */
export const planesCases: readonly Planes[] = [
  { n: 1, c: 1, s: 1 }, { n: 2, c: 3, s: 5 }, { n: 3, c: 4, s: 7 }, { n: 2, c: 5, s: 6 }, { n: 1, c: 6, s: 11 }, { n: 5, c: 13, s: 1 },
  { n: 1, c: 4, s: 127 }, { n: 1, c: 4, s: 128 }, { n: 1, c: 3, s: 129 }, { n: 3, c: 67, s: 49 }, { n: 2, c: 3, s: 10_007 },
];
