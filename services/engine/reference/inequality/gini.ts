import { AppError } from "../../../common/errors.ts";

/**
 * Gini index, equation (4) of the paper as it stands: (n + 1 - 2 Σ (n+1-i) v_(i) / Σ v) / n, v ascending.
 *
 * @param values any order, finite and non-negative; a vector of zeros gives 0.
 * @returns in [0, 1 - 1/n].
 * @throws AppError VALUE_RANGE when empty or a value is negative or not finite.
 */
export function giniReference(values: ArrayLike<number>): number {
  const v = Float64Array.from(values).sort();
  const n = v.length;
  if (n === 0) throw new AppError("VALUE_RANGE", "gini: expected at least one value, got none");
  const bad = v.find((value) => !(value >= 0 && value < Infinity));
  if (bad !== undefined) throw new AppError("VALUE_RANGE", `gini: expected finite non-negative values, got ${bad}; apply a sign rule first`);
  const sum = v.reduce((total, value) => total + value, 0);
  if (sum === 0) return 0;
  const weighted = v.reduce((total, value, i) => total + (n - i) * value, 0); // i counts from 0 here: n + 1 - (i + 1)
  return (n + 1 - (2 * weighted) / sum) / n;
}
