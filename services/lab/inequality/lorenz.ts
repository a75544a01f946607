/** Points of a stored Lorenz curve: shares at 0 %, 1 %, … 100 % of the sub-pixels. */
export const LORENZ_POINTS = 101;

/**
 * The Lorenz curve of one image: L(q) = share of the total held by the lowest fraction q of values (Lorenz 1905).
 *
 * @param ascending non-negative values in ascending order.
 * @returns L at q = i / 100, i = 0 … 100, linear between values; the diagonal for an all-zero vector, which is equal.
 */
export function lorenzCurve(ascending: ArrayLike<number>): Float64Array {
  const n = ascending.length;
  const cumulative = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) cumulative[i + 1] = cumulative[i]! + ascending[i]!;
  const total = cumulative[n]!;
  return Float64Array.from({ length: LORENZ_POINTS }, (_, i) => {
    const q = i / (LORENZ_POINTS - 1);
    if (!(total > 0)) return q;
    const position = q * n;
    const below = Math.min(Math.floor(position), n - 1);
    return (cumulative[below]! + (position - below) * ascending[below]!) / total;
  });
}

/** Running mean of Lorenz curves over images. */
export class MeanLorenz {
  readonly #sum = new Float64Array(LORENZ_POINTS);
  #count = 0;

  add(ascending: ArrayLike<number>): void {
    lorenzCurve(ascending).forEach((share, i) => { this.#sum[i]! += share; });
    this.#count++;
  }

  /** Mean curve, rounded to 6 digits: it is drawn, not computed with. */
  get curve(): number[] {
    return Array.from(this.#sum, (sum) => Math.round((sum / Math.max(1, this.#count)) * 1e6) / 1e6);
  }
}
