import { EngineError } from "../../engine/errors.ts";

/** Points α in [0, 1] and weights that sum to 1: ∫₀¹ f(α) dα ≈ Σ weight·f(α). */
export interface Quadrature {
  readonly alphas: readonly number[];
  readonly weights: readonly number[];
}

/**
 * The rule for the path integral of integrated gradients (Sundararajan et al. 2017).
 *
 * "gauss-legendre" is exact for polynomials up to degree 2·steps − 1 and never evaluates the ends. "trapezoid" is the
 * composite rule over `steps` equally spaced points, ends included, with weights that sum to exactly 1.
 * Differs: Captum's trapezoid uses weights 1/steps (half at the ends), which sum to (steps − 1)/steps; divide its maps by that to compare.
 *
 * @param steps points, ≥ 1 (trapezoid: ≥ 2).
 * @throws EngineError VALUE_RANGE.
 */
export function quadrature(rule: "gauss-legendre" | "trapezoid", steps: number): Quadrature {
  const least = rule === "trapezoid" ? 2 : 1;
  if (!Number.isInteger(steps) || steps < least) throw new EngineError("VALUE_RANGE", `quadrature: expected at least ${least} steps for ${rule}, got ${steps}`);
  return rule === "trapezoid" ? trapezoid(steps) : gaussLegendre(steps);
}

function trapezoid(steps: number): Quadrature {
  const alphas = Array.from({ length: steps }, (_, i) => i / (steps - 1));
  const weights = alphas.map((_, i) => (i === 0 || i === steps - 1 ? 0.5 : 1) / (steps - 1));
  return { alphas, weights };
}

/** Roots of the Legendre polynomial P_n by Newton's method from Tricomi's starting values (Press et al., Numerical Recipes §4.6), mapped from [−1, 1] to [0, 1]. */
function gaussLegendre(steps: number): Quadrature {
  const alphas = new Array<number>(steps);
  const weights = new Array<number>(steps);
  for (let i = 0; i < Math.ceil(steps / 2); i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (steps + 0.5));
    let { value, derivative } = legendre(steps, x);
    for (let iteration = 0; iteration < 100; iteration++) {
      const step = value / derivative;
      x -= step;
      ({ value, derivative } = legendre(steps, x));
      if (Math.abs(step) < 1e-15) break;
    }
    const weight = 1 / ((1 - x * x) * derivative * derivative); // half of the weight on [−1, 1]
    alphas[i] = (1 - x) / 2;
    alphas[steps - 1 - i] = (1 + x) / 2;
    weights[i] = weights[steps - 1 - i] = weight;
  }
  return { alphas, weights };
}

/** P_n(x) and P_n'(x) by the three-term recurrence. */
function legendre(n: number, x: number): { value: number; derivative: number } {
  let previous = 1;
  let value = x;
  for (let k = 2; k <= n; k++) [previous, value] = [value, ((2 * k - 1) * x * value - (k - 1) * previous) / k];
  return { value, derivative: (n * (x * value - previous)) / (x * x - 1) };
}
