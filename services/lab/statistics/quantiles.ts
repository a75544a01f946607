import { AppError } from "../../common/errors.ts";

/**
 * Quantiles of Student's t and the normal distribution, by bisection on their distribution functions: slow, obvious and
 * exact to rounding. Called a few times per summary, never per image.
 */

/** t with P(T ≤ t) = p for `degrees` degrees of freedom. @throws AppError VALUE_RANGE unless p is in (0, 1) and degrees ≥ 1. */
export function studentQuantile(p: number, degrees: number): number {
  if (!(degrees >= 1)) throw new AppError("VALUE_RANGE", `student: expected at least one degree of freedom, got ${degrees}`, { degrees });
  return invert(p, (t) => studentDistribution(t, degrees));
}

/** z with P(Z ≤ z) = p. @throws AppError VALUE_RANGE unless p is in (0, 1). */
export function normalQuantile(p: number): number {
  return invert(p, normalDistribution);
}

/** P(T ≤ t): 1 − ½·I_x(ν/2, ½) at x = ν/(ν+t²) for t ≥ 0 (Abramowitz & Stegun 26.7.1). */
export function studentDistribution(t: number, degrees: number): number {
  const tail = regularisedBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t >= 0 ? 1 - tail : tail;
}

/** P(Z ≤ z), from erfc(x) = Γ(½, x²)/√π: a series near 0, a continued fraction beyond (Abramowitz & Stegun 7.1.6, 7.1.14). */
export function normalDistribution(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const tail = (x < 2 ? 1 - erfSeries(x) : erfcFraction(x)) / 2;
  return z >= 0 ? 1 - tail : tail;
}

/** The distribution functions are symmetric and rising, so the half line is searched. */
function invert(p: number, distribution: (x: number) => number): number {
  if (!(p > 0 && p < 1)) throw new AppError("VALUE_RANGE", `quantile: expected a probability in (0, 1), got ${p}`, { p });
  if (p < 0.5) return -invert(1 - p, distribution);
  let low = 0;
  let high = 1;
  while (distribution(high) < p) high *= 2;
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (distribution(middle) < p) low = middle;
    else high = middle;
  }
  return high;
}

function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; Math.abs(term) > 1e-17 * sum; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function erfcFraction(x: number): number {
  let fraction = 0;
  for (let k = 200; k >= 1; k--) fraction = (k / 2) / (x + fraction); // backwards: 200 terms are exact for x ≥ 2
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

/** I_x(a, b): the continued fraction of Abramowitz & Stegun 26.5.8 by Lentz's method, on the side where it converges fast. */
function regularisedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularisedBeta(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= d * c;
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return front * fraction;
}

function logBeta(a: number, b: number): number { return logGamma(a) + logGamma(b) - logGamma(a + b); }

/** Stirling's series (Abramowitz & Stegun 6.1.41), shifted up to arguments where it is exact to rounding. */
function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 15; y++) shift += Math.log(y);
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / y;
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
