import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { quadrature } from "../../../services/lab/attributions/quadrature.ts";

const integrate = (rule: "gauss-legendre" | "trapezoid", steps: number, f: (a: number) => number): number => {
  const { alphas, weights } = quadrature(rule, steps);
  return alphas.reduce((sum, a, i) => sum + weights[i]! * f(a), 0);
};

describe("quadrature", () => {
  it("gives the tabulated Gauss-Legendre nodes of 3 points", () => {
    const { alphas, weights } = quadrature("gauss-legendre", 3);
    [0.5 - Math.sqrt(0.6) / 2, 0.5, 0.5 + Math.sqrt(0.6) / 2].forEach((a, i) => assert.ok(Math.abs(alphas[i]! - a) < 1e-15));
    [5 / 18, 8 / 18, 5 / 18].forEach((w, i) => assert.ok(Math.abs(weights[i]! - w) < 1e-15));
  });

  for (const steps of [1, 2, 5, 50, 51, 300]) {
    it(`${steps} Gauss-Legendre points are ascending, inside (0, 1) and exact to degree ${Math.min(2 * steps - 1, 40)}`, () => {
      const { alphas, weights } = quadrature("gauss-legendre", steps);
      assert.ok(alphas.every((a, i) => a > (alphas[i - 1] ?? 0) && a < 1) && weights.every((w) => w > 0));
      const degree = Math.min(2 * steps - 1, 40);
      assert.ok(Math.abs(integrate("gauss-legendre", steps, (a) => a ** degree) - 1 / (degree + 1)) < 1e-13);
    });
  }

  it("the trapezoid includes both ends, its weights sum to 1 and it is exact for lines", () => {
    const { alphas, weights } = quadrature("trapezoid", 50);
    assert.deepEqual([alphas[0], alphas[49]], [0, 1]);
    assert.ok(Math.abs(weights.reduce((a, b) => a + b) - 1) < 1e-15);
    assert.ok(Math.abs(integrate("trapezoid", 50, (a) => 3 * a + 1) - 2.5) < 1e-14);
  });

  it("refuses too few steps", () => {
    assert.throws(() => quadrature("trapezoid", 1), { code: "VALUE_RANGE", message: /at least 2 steps for trapezoid, got 1/ });
    assert.throws(() => quadrature("gauss-legendre", 0), { code: "VALUE_RANGE" });
  });
});
