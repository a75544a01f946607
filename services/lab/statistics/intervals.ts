import { AppError } from "../../common/errors.ts";
import { normalQuantile, studentQuantile } from "./quantiles.ts";

/** x of n with an interval for the rate behind it. */
export interface RateInterval { readonly count: number; readonly n: number; readonly rate: number; readonly low: number; readonly high: number }

/**
 * Wilson score interval (Wilson 1927, equation for p): holds its level at rates near 0 and 1, where the textbook
 * interval collapses to a point.
 *
 * @param confidence in (0, 1); default 0.95.
 * @returns rate 0 and the interval [0, 1] when n = 0: nothing is known.
 * @throws AppError VALUE_RANGE unless 0 ≤ count ≤ n are integers.
 */
export function wilson(count: number, n: number, confidence = 0.95): RateInterval {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(n) || count < 0 || count > n) throw new AppError("VALUE_RANGE", `wilson: expected integers 0 ≤ count ≤ n, got ${count} of ${n}`, { count, n });
  if (n === 0) return { count, n, rate: 0, low: 0, high: 1 };
  const z = normalQuantile((1 + confidence) / 2);
  const rate = count / n;
  const centre = (rate + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((rate * (1 - rate)) / n + (z * z) / (4 * n * n));
  // At the ends the bound is the rate itself; the two terms cancel only up to rounding.
  return { count, n, rate, low: count === 0 ? 0 : Math.max(0, centre - half), high: count === n ? 1 : Math.min(1, centre + half) };
}

/** Mean, sample standard deviation and an interval for the mean. */
export interface MeanInterval { readonly mean: number; readonly sd: number; readonly n: number; readonly low: number; readonly high: number }

/**
 * Mean with Student's t interval (Student 1908). One value has sd 0 and an interval of no width: it says nothing about
 * spread, and `n` shows it.
 *
 * @throws AppError VALUE_RANGE when there is no value or one is not finite.
 */
export function meanWithInterval(values: ArrayLike<number>, confidence = 0.95): MeanInterval {
  const n = values.length;
  if (n === 0) throw new AppError("VALUE_RANGE", "mean: expected at least one value, got none");
  let sum = 0;
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(values[i])) throw new AppError("VALUE_RANGE", `mean: expected finite values, got ${values[i]} at ${i}`, { index: i });
    sum += values[i]!;
  }
  const mean = sum / n;
  if (n === 1) return { mean, sd: 0, n, low: mean, high: mean };
  let squares = 0; // two passes: the one-pass formula cancels
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2;
  const sd = Math.sqrt(squares / (n - 1));
  const half = studentQuantile((1 + confidence) / 2, n - 1) * (sd / Math.sqrt(n));
  return { mean, sd, n, low: mean - half, high: mean + half };
}

/**
 * Counts in `bins` equal bins of [low, high]; the last bin includes `high`.
 *
 * @throws AppError VALUE_RANGE for a value outside (or not a number), or a senseless range.
 */
export function histogram(values: ArrayLike<number>, bins: number, low = 0, high = 1): number[] {
  if (!Number.isSafeInteger(bins) || bins < 1 || !(low < high)) throw new AppError("VALUE_RANGE", `histogram: expected bins ≥ 1 and low < high, got ${bins}, [${low}, ${high}]`, { bins, low, high });
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (!(v >= low && v <= high)) throw new AppError("VALUE_RANGE", `histogram: expected values in [${low}, ${high}], got ${v} at ${i}`, { index: i });
    counts[Math.min(bins - 1, Math.floor(((v - low) / (high - low)) * bins))]!++;
  }
  return counts;
}
