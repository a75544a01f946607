import { uniform } from "../../support/random.ts";

/** Images and classes for the loss tests: one of each, primes, one under, at and over a workgroup's 8 images, large. */
export const lossCases = [{ n: 1, k: 2 }, { n: 5, k: 3 }, { n: 7, k: 10 }, { n: 8, k: 4 }, { n: 9, k: 13 }, { n: 203, k: 101 }] as const;

/** Every class in turn, from a seed. */
export function labelsFor(seed: number, { n, k }: { readonly n: number; readonly k: number }): Uint32Array {
  return Uint32Array.from({ length: n }, (_, i) => (i * 7 + seed) % k);
}

/** In [-6, 6): neither sure nor lost. */
export function logitsFor(seed: number, { n, k }: { readonly n: number; readonly k: number }): Float64Array {
  return uniform(seed, n * k, 6);
}
