import { AppError } from "../../services/common/errors.ts";

/** What is kept of a series of measurements. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly n: number;
}

/** The middle value; of an even count the mean of the two in the middle. @throws AppError VALUE_RANGE for no values, or any that is not finite. */
export function median(values: readonly number[]): number {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new AppError("VALUE_RANGE", `median: expected finite values, got [${values.join(", ")}]`);
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export function summarise(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), n: values.length };
}

/** Rate per second at which `work` was done in so many milliseconds: the highest rate belongs to the shortest time. */
export function rateOf(work: number, { median: middle, min, max, n }: Summary): Summary {
  const perSecond = (ms: number): number => (work * 1000) / Math.max(ms, 1e-6); // a clock too coarse to see it
  return { median: perSecond(middle), min: perSecond(max), max: perSecond(min), n };
}

/** All of a summary in another unit. */
export function scaled({ median: middle, min, max, n }: Summary, factor: number): Summary {
  return { median: middle * factor, min: min * factor, max: max * factor, n };
}

/**
 * The p of y ≈ c·xᵖ: the slope of log y over log x by least squares.
 *
 * @throws AppError VALUE_RANGE unless there are as many x as y, all positive and finite, and at least two different x.
 */
export function fitExponent(xs: readonly number[], ys: readonly number[]): number {
  const proper = [...xs, ...ys].every((v) => v > 0 && Number.isFinite(v));
  if (xs.length !== ys.length || !proper || new Set(xs).size < 2) {
    throw new AppError("VALUE_RANGE", `exponent: expected pairs of positive values at two places or more, got x [${xs.join(", ")}] and y [${ys.join(", ")}]`);
  }
  const [u, v] = [xs.map(Math.log), ys.map(Math.log)];
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [middleU, middleV] = [mean(u), mean(v)];
  const sum = (term: (i: number) => number): number => u.reduce((total, _, i) => total + term(i), 0);
  return sum((i) => (u[i]! - middleU) * (v[i]! - middleV)) / sum((i) => (u[i]! - middleU) ** 2);
}
