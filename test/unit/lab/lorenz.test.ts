import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { lorenzCurve, MeanLorenz } from "../../../services/lab/inequality/lorenz.ts";

/** Gini = 1 − 2 × area under the Lorenz curve, here by the trapezoid rule over its points. */
const giniOf = (curve: ArrayLike<number>): number => {
  let area = 0;
  for (let i = 1; i < curve.length; i++) area += (curve[i]! + curve[i - 1]!) / 2 / (curve.length - 1);
  return 1 - 2 * area;
};

describe("Lorenz curve", () => {
  it("is the diagonal when all are equal, and for an all-zero vector", () => {
    for (const value of [3, 0]) lorenzCurve(new Array(7).fill(value)).forEach((share, i) => assert.ok(Math.abs(share - i / 100) < 1e-12));
  });

  it("is 0 until the last value when one holds everything", () => {
    const curve = lorenzCurve([...new Array(99).fill(0), 5]);
    assert.equal(curve[99], 0);
    assert.equal(curve[100], 1);
  });

  it("interpolates between values: [1, 3] has half of the lower share at a quarter", () => {
    const curve = lorenzCurve([1, 3]);
    assert.ok(Math.abs(curve[25]! - 0.125) < 1e-12 && Math.abs(curve[50]! - 0.25) < 1e-12 && Math.abs(curve[75]! - 0.625) < 1e-12);
  });

  it("encloses the area that equation (4) gives", () => {
    const values = Array.from({ length: 100 }, (_, i) => (i + 1) ** 2);
    const total = values.reduce((a, b) => a + b);
    const gini = (101 - (2 * values.reduce((s, v, i) => s + (100 - i) * v, 0)) / total) / 100;
    assert.ok(Math.abs(giniOf(lorenzCurve(values)) - gini) < 1e-12);
  });

  it("averages over images", () => {
    const mean = new MeanLorenz();
    mean.add([1, 1]);
    mean.add([0, 1]);
    assert.equal(mean.curve[50], 0.25);
  });
});
