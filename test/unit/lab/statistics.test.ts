import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { histogram, meanWithInterval, wilson } from "../../../services/lab/statistics/intervals.ts";
import { normalDistribution, normalQuantile, studentDistribution, studentQuantile } from "../../../services/lab/statistics/quantiles.ts";

const near = (actual: number, expected: number, tolerance: number): void => assert.ok(Math.abs(actual - expected) <= tolerance, `got ${actual}, want ${expected}`);

describe("Student's t", () => {
  // Table of t(0.975, ν), as printed in any textbook (Abramowitz & Stegun 26.10), to its last digit.
  for (const [degrees, t] of [[1, 12.706], [2, 4.303], [4, 2.776], [9, 2.262], [29, 2.045], [30, 2.042], [120, 1.98]] as const) {
    it(`has the tabulated 97.5 % quantile at ${degrees} degrees of freedom`, () => near(studentQuantile(0.975, degrees), t, 5.1e-4));
  }

  it("has the closed forms of one and two degrees of freedom", () => {
    for (const p of [0.6, 0.9, 0.975, 0.9995]) {
      near(studentQuantile(p, 1) / Math.tan(Math.PI * (p - 0.5)), 1, 1e-10); // Cauchy
      const a = 2 * p - 1;
      near(studentQuantile(p, 2) / (a * Math.sqrt(2 / (1 - a * a))), 1, 1e-10);
    }
  });

  it("becomes the normal distribution", () => near(studentQuantile(0.975, 1e7), normalQuantile(0.975), 1e-6));
  it("is odd about one half", () => near(studentQuantile(0.025, 5), -studentQuantile(0.975, 5), 1e-12));
  it("undoes its distribution function", () => { for (const p of [0.51, 0.8, 0.99]) near(studentDistribution(studentQuantile(p, 7), 7), p, 1e-13); });
  it("refuses no degrees of freedom and a probability of 1", () => {
    assert.throws(() => studentQuantile(0.9, 0), { code: "VALUE_RANGE" });
    assert.throws(() => studentQuantile(1, 3), { code: "VALUE_RANGE" });
  });
});

describe("the normal distribution", () => {
  it("has the tabulated quantiles", () => {
    near(normalQuantile(0.975), 1.959963984540054, 1e-12);
    near(normalQuantile(0.9995), 3.2905267314918945, 1e-10);
    near(normalQuantile(0.5), 0, 1e-12);
  });
  it("is continuous where the series hands over to the fraction", () => near(normalDistribution(2 * Math.SQRT2 - 1e-9), normalDistribution(2 * Math.SQRT2 + 1e-9), 1e-10));
});

describe("wilson", () => {
  it("gives the published interval for 9 of 10", () => {
    const { rate, low, high } = wilson(9, 10);
    assert.equal(rate, 0.9);
    near(low, 0.5958, 5e-5);
    near(high, 0.9821, 5e-5);
  });
  it("does not collapse at the ends", () => {
    const none = wilson(0, 10);
    assert.equal(none.low, 0);
    near(none.high, 0.2775, 5e-5);
    const all = wilson(10, 10);
    assert.equal(all.high, 1);
    near(all.low, 1 - none.high, 1e-12);
  });
  it("knows nothing about none of none", () => assert.deepEqual(wilson(0, 0), { count: 0, n: 0, rate: 0, low: 0, high: 1 }));
  it("contains its rate and shrinks with n", () => {
    for (const [count, n] of [[1, 3], [50, 100], [999, 1000]] as const) {
      const { rate, low, high } = wilson(count, n);
      assert.ok(0 <= low && low < rate && rate < high && high <= 1, `${low} ${rate} ${high}`);
      const more = wilson(count * 10, n * 10);
      assert.ok(more.high - more.low < high - low, `${n}: ${more.high - more.low} is not below ${high - low}`);
    }
  });
  it("refuses more hits than tries", () => assert.throws(() => wilson(11, 10), { code: "VALUE_RANGE" }));
});

describe("meanWithInterval", () => {
  it("matches a hand calculation: 1, 2, 3, 4", () => {
    const { mean, sd, n, low, high } = meanWithInterval([1, 2, 3, 4]);
    assert.equal(mean, 2.5);
    near(sd, Math.sqrt(5 / 3), 1e-12);
    assert.equal(n, 4);
    near(high - mean, (3.182446 * Math.sqrt(5 / 3)) / 2, 1e-5); // t(0.975, 3) = 3.182446
    near(mean - low, high - mean, 1e-12);
  });
  it("does not cancel far from zero", () => near(meanWithInterval([1e9, 1e9 + 1, 1e9 + 2]).sd, 1, 1e-9));
  it("says nothing about the spread of one value", () => assert.deepEqual(meanWithInterval([3]), { mean: 3, sd: 0, n: 1, low: 3, high: 3 }));
  it("refuses none and what is not finite", () => {
    assert.throws(() => meanWithInterval([]), { code: "VALUE_RANGE" });
    assert.throws(() => meanWithInterval([1, NaN]), { code: "VALUE_RANGE", message: /at 1/ });
  });
});

describe("histogram", () => {
  it("puts lower edges in and the upper end in the last bin", () => assert.deepEqual(histogram([0, 0.25, 0.4999, 0.5, 1], 4), [1, 2, 1, 1]));
  it("loses no value", () => assert.equal(histogram(Array.from({ length: 101 }, (_, i) => i / 100), 7).reduce((a, b) => a + b), 101));
  it("refuses what lies outside", () => assert.throws(() => histogram([1.01], 4), { code: "VALUE_RANGE" }));
});
