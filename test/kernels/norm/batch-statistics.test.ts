import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { batchStatistics, scratchElements } from "../../../services/engine/kernels/norm/batch-statistics.ts";
import { runningUpdateReference } from "../../../services/engine/reference/norm/running-update.ts";
import { batchStatisticsReference } from "../../../services/engine/reference/norm/batch-statistics.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeNchw, normCases, rowsOf, sizeOf } from "./cases.ts";

describe("norm/batch-statistics", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical outputs, padding lanes included; the running ones start as [c, …, 2, 1]. `scratch` is checked for stray writes too. */
  const run = (x: Float64Array, shape: Nchw, momentum = 0.1): Promise<Record<"mean" | "variance" | "runningMean" | "runningVariance" | "scratch", Float32Array>> => {
    const size = { rows: rowsOf(shape), c: shape.c };
    const outputs = { mean: pad4(shape.c), variance: pad4(shape.c), runningMean: packVector(countdown(shape.c)), runningVariance: packVector(countdown(shape.c)), scratch: scratchElements(size) };
    return launch(gpu, outputs, (scope, { scratch, ...t }) => batchStatistics(uploadF32(scope, "x", packActivation(x, [shape.n, shape.c, shape.h, shape.w])), t, scratch, size, momentum));
  };
  const check = async (shape: Nchw): Promise<void> => {
    const x = uniform(shape.c, sizeOf(shape));
    const { mean, variance, runningMean, runningVariance } = await run(x, shape);
    const expected = batchStatisticsReference(x, shape);
    const unbiased = rowsOf(shape) / (rowsOf(shape) - 1);
    assertClose(mean, packVector(expected.mean), TOLERANCE.elementwise);
    assertClose(variance, packVector(expected.variance), TOLERANCE.elementwise);
    assertClose(runningMean, packVector(runningUpdateReference(countdown(shape.c), expected.mean, 0.1, 1)), TOLERANCE.elementwise);
    assertClose(runningVariance, packVector(runningUpdateReference(countdown(shape.c), expected.variance, 0.1, unbiased)), TOLERANCE.elementwise);
  };

  for (const shape of normCases.map((s) => (rowsOf(s) === 1 ? { ...s, n: 2 } : s))) it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 40, h: 7, w: 7 })));

  it("keeps the variance of values far from 0: mean 1000, deviation 1", async () => {
    const shape = { n: 4, c: 4, h: 25, w: 25 };
    const x = uniform(1, sizeOf(shape), Math.sqrt(3)).map((v) => Math.fround(1000 + v));
    const expected = batchStatisticsReference(x, shape);
    const { mean, variance } = await run(x, shape);
    assertClose(mean, expected.mean, { atol: 3.1e-5, rtol: 0 }); // half a unit in the last place of 1000
    assertClose(variance, expected.variance, { atol: 0, rtol: 1e-5 });
  });

  it("keeps the variance when the first row, its pivot, is an outlier", async () => {
    const shape = { n: 3000, c: 1, h: 1, w: 1 };
    const x = uniform(2, 3000).with(0, 500);
    const expected = batchStatisticsReference(x, shape);
    const { mean, variance } = await run(x, shape);
    assertClose(mean.slice(0, 1), expected.mean, { atol: 1e-4, rtol: 0 }); // three units in the last place of 500, 1e-5 of the deviation
    assertClose(variance.slice(0, 1), expected.variance, { atol: 0, rtol: 1e-5 });
  });

  it("is 0 where nothing varies", async () => {
    const { mean, variance } = await run(new Float64Array(4 * 35).fill(0.1), { n: 5, c: 4, h: 7, w: 1 });
    assert.deepEqual(mean, new Float32Array(4).fill(0.1));
    assert.deepEqual(variance, new Float32Array(4));
  });

  it("moves the running ones all the way with momentum 1 and not at all with 0", async () => {
    const shape = { n: 5, c: 3, h: 1, w: 1 };
    const x = uniform(3, 15);
    const { mean, variance, ...moved } = await run(x, shape, 1);
    assert.deepEqual(moved.runningMean, mean);
    assertClose(moved.runningVariance, variance.map((v) => (v * 5) / 4), TOLERANCE.elementwise);
    const { runningMean, runningVariance } = await run(x, shape, 0);
    assert.deepEqual([runningMean, runningVariance], [packVector(countdown(3)), packVector(countdown(3))]);
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<unknown> => run(uniform(8, 5 * 600), { n: 6, c: 5, h: 10, w: 10 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [128])];
    const shape = { rows: 5, c: 5 };
    const outputs = { mean: long, variance: long, runningMean: long, runningVariance: long };
    assert.equal(scratchElements(shape), 2 * 2 * 8); // 5 rows are two slices, of 3 and 2
    assert.throws(() => batchStatistics(long, outputs, long, { rows: 0, c: 5 }, 0.1), { code: "SHAPE_MISMATCH", message: /norm\/batch-statistics: expected rows/ });
    assert.throws(() => scratchElements({ rows: 5, c: -1 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-statistics: expected c/ });
    assert.throws(() => batchStatistics(short, outputs, long, shape, 0.1), { code: "SHAPE_MISMATCH", message: /expected x to hold 40/ });
    assert.throws(() => batchStatistics(long, outputs, short, shape, 0.1), { code: "SHAPE_MISMATCH", message: /expected scratch to hold 32/ });
    scope.dispose();
  });
});

/** [c, …, 2, 1] */
function countdown(c: number): Float64Array { return Float64Array.from({ length: c }, (_, i) => c - i); }
