import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { judge } from "../../services/cli/demo/claims.ts";
import type { Comparison, Mean, Rate, Row } from "../../services/cli/demo/queries.ts";
import { demoSeconds, fittingSize, SIZES } from "../../services/cli/demo/sizes.ts";
import { tables } from "../../services/cli/demo/tables.ts";

const rate = (count: number, half = 0.02): Rate => ({ count, n: 100, rate: count / 100, low: count / 100 - half, high: count / 100 + half });
const mean = (v: number, half = 0.01): Mean => ({ mean: v, sd: 0.1, n: 100, low: v - half, high: v + half });
type Errors = Row["errors"];
const noise = (type: "I" | "II", k: number, error: Rate, control = rate(0)): Errors[number] => ({ attack: { type }, k, colour: null, maxCount: null, maxRadius: null, error, control });
const square = (colour: number, error: Rate): Errors[number] => ({ attack: {}, k: null, colour, maxCount: 5, maxRadius: 2, error, control: rate(0) });
const row = (name: string, gini: Mean, accuracy: Rate, errors: Errors): Row => ({
  model: { id: name, name, adversary: null }, cleanAccuracy: rate(97), gini: [{ gini }], errors,
  pgd: [{ accuracy, error: rate(50), attack: { epsilon: 0.3, steps: 20 } }],
});
const errors = (I: number, II: number, black: number): Errors => [noise("I", 5, rate(I)), noise("II", 5, rate(II)), square(0, rate(black))];
const comparison = (...rows: Row[]): Comparison => ({ sampleSize: 100, rows });
const outcomes = (c: Comparison): string[] => judge(c).map((v) => v.outcome);

describe("the demo's verdicts", () => {
  it("say clearly where intervals are apart, held where they overlap, and not held otherwise", () => {
    const c = comparison(row("standard", mean(0.6), rate(1), errors(10, 10, 10)), row("robust", mean(0.9), rate(80), errors(50, 12, 5)));
    assert.deepEqual(outcomes(c), ["held clearly", "held clearly", "held clearly", "held", "NOT HELD", "held clearly"]);
  });

  it("judge the Gini index over all networks, not only the ends", () => {
    const rows = [0.6, 0.9, 0.8].map((v, i) => row(String(i), mean(v), rate(50), errors(1, 1, 1)));
    assert.equal(outcomes(comparison(...rows))[0], "NOT HELD");
  });

  it("compare what belongs together, in whatever order it comes", () => {
    const standard = row("standard", mean(0.6), rate(1), [noise("I", 5, rate(10)), noise("I", 9, rate(60)), noise("II", 5, rate(1)), square(0, rate(1))]);
    const robust = row("robust", mean(0.9), rate(80), [square(0, rate(9)), noise("II", 5, rate(9)), noise("I", 9, rate(90)), noise("I", 5, rate(40))]);
    assert.equal(outcomes(comparison(standard, robust))[2], "held clearly");
  });

  it("refuse to judge nothing", () => {
    const empty = comparison(row("standard", mean(0.6), rate(1), []), row("robust", mean(0.9), rate(80), []));
    assert.throws(() => judge(empty), { code: "INVARIANT", message: /expected comparisons for "inductive noise I/ });
    const partial = comparison(row("standard", mean(0.6), rate(1), errors(1, 1, 1)), row("robust", mean(0.9), rate(80), errors(1, 1, 1).slice(1)));
    assert.throws(() => judge(partial), { code: "INVARIANT" });
  });
});

it("the demo's tables have a line for every network and every claim", () => {
  const c = comparison(row("standard", mean(0.6), rate(1), errors(10, 10, 10)), row("robust", mean(0.9), rate(80), errors(50, 12, 5)));
  const lines = tables(c, judge(c));
  assert.equal(lines.filter((l) => l.startsWith("  standard")).length, 3);
  assert.equal(lines.filter((l) => /^ {2}(held clearly|held|NOT HELD)/.test(l)).length, 6);
  assert.ok(lines.some((l) => l.includes("0.600 [0.590, 0.610]")), "the mean with its interval");
  assert.ok(lines.some((l) => l.includes("black")), "colours by name");
});

it("the demo does as much as fits, and the least when nothing does", () => {
  for (const [i, size] of SIZES.entries()) if (i > 0) assert.ok(demoSeconds(size, 10) < demoSeconds(SIZES[i - 1]!, 10), "largest first");
  const [full, half] = SIZES as [(typeof SIZES)[0], (typeof SIZES)[0]];
  assert.equal(fittingSize(10, demoSeconds(full, 10)), full);
  assert.equal(fittingSize(10, demoSeconds(full, 10) - 1e-9), half);
  assert.equal(fittingSize(1e-6, 100), SIZES.at(-1));
  for (const size of SIZES) assert.ok(size.epsilons.length >= 3);
});
