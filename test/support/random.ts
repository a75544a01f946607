/** Deterministic uniform [-scale, scale) from a seed (mulberry32), rounded to f32 so that GPU and twin see the same input. */
export function uniform(seed: number, n: number, scale = 1): Float64Array {
  let a = seed >>> 0;
  return Float64Array.from({ length: n }, () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.fround((((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1) * scale);
  });
}
