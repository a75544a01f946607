import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures, packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { mergeStatistics } from "../../../services/engine/kernels/norm/batch-statistics-merge.ts";
import { slicesOf } from "../../../services/engine/kernels/norm/channels.ts";
import { batchStatisticsReference } from "../../../services/engine/reference/norm/batch-statistics.ts";
import { runningUpdateReference } from "../../../services/engine/reference/norm/running-update.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

const MOMENTUM = 0.25;

// The first half made on the CPU, so that an error of one half cannot hide in the other.
describe("norm/batch-statistics-merge", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** [slices, 2, C] of x [rows, c]. */
  const partsOf = (x: Float64Array, rows: number, c: number): Float32Array => {
    const { sliceRows, slices } = slicesOf(rows);
    const parts = new Float32Array(slices * 2 * pad4(c));
    for (let s = 0; s < slices; s++) {
      const slice = x.slice(s * sliceRows * c, Math.min((s + 1) * sliceRows, rows) * c);
      const n = slice.length / c;
      const { mean, variance } = batchStatisticsReference(slice, { n, c, h: 1, w: 1 });
      for (let k = 0; k < c; k++) {
        parts[s * 2 * pad4(c) + k] = mean[k]! - x[k]!;
        parts[(s * 2 + 1) * pad4(c) + k] = variance[k]! * n;
      }
    }
    return parts;
  };
  /** The scratch tensor is longer than needed, as one shared by several layers may be: what follows the parts must not count. */
  const run = (x: Float64Array, parts: Float32Array, rows: number, c: number, running: ArrayLike<number> = new Float64Array(c)): Promise<Record<"mean" | "variance" | "runningMean" | "runningVariance", Float32Array>> =>
    launch(gpu, { mean: pad4(c), variance: pad4(c), runningMean: packVector(running), runningVariance: packVector(running) }, (scope, t) =>
      mergeStatistics(uploadF32(scope, "x", packFeatures(x, rows, c)), uploadF32(scope, "parts", [...parts, ...new Array<number>(2 * pad4(c)).fill(99)]), t, { rows, c }, MOMENTUM));
  const check = async (rows: number, c: number, offset = 0): Promise<void> => {
    const x = uniform(rows, rows * c).map((v) => Math.fround(v + offset));
    const running = uniform(c, c);
    const { mean, variance, runningMean, runningVariance } = await run(x, partsOf(x, rows, c), rows, c, running);
    const expected = batchStatisticsReference(x, { n: rows, c, h: 1, w: 1 });
    assertClose(mean, packVector(expected.mean), TOLERANCE.elementwise);
    assertClose(variance, packVector(expected.variance), TOLERANCE.elementwise);
    assertClose(runningMean, packVector(runningUpdateReference(running, expected.mean, MOMENTUM, 1)), TOLERANCE.elementwise);
    assertClose(runningVariance, packVector(runningUpdateReference(running, expected.variance, MOMENTUM, rows / (rows - 1))), TOLERANCE.elementwise);
  };

  // Two rows, as few as there may be; primes; one under, at and over a workgroup's 32 channels; large.
  for (const [rows, c] of [[2, 1], [7, 5], [101, 28], [100, 32], [99, 33], [2000, 67]] as const) {
    it(`matches the reference at [${rows}, ${c}]`, () => check(rows, c));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(10, 200)));

  it("counts a short last slice by its rows", () => check(11, 3)); // slices of 4, 4 and 3

  it("sees the spread between slices: the deviation of steps far from 0", () => check(64, 2, 1000));

  it("follows PyTorch by hand: running variance 1, values 0, 2, 0, 2 and 6", async () => {
    // mean 2, biased variance (4 + 0 + 4 + 0 + 16) / 5 = 4.8, unbiased 6; kept 1 − momentum of 1
    const x = Float64Array.of(0, 2, 0, 2, 6);
    const { runningMean, runningVariance } = await run(x, partsOf(x, 5, 1), 5, 1, [1]);
    assertClose(runningMean, packVector([0.75 * 1 + 0.25 * 2]), TOLERANCE.elementwise);
    assertClose(runningVariance, packVector([0.75 * 1 + 0.25 * 6]), TOLERANCE.elementwise);
  });

  it("repeats to the bit", async () => {
    const x = uniform(8, 3000);
    const parts = partsOf(x, 600, 5);
    assert.deepEqual(await run(x, parts, 600, 5), await run(x, parts, 600, 5));
  });

  it("refuses an empty shape, one row, short buffers and a momentum outside [0, 1] by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [128])];
    const shape = { rows: 5, c: 5 };
    const outputs = { mean: long, variance: long, runningMean: long, runningVariance: long };
    for (const momentum of [-0.1, 1.1, Number.NaN]) assert.throws(() => mergeStatistics(long, long, outputs, shape, momentum), { code: "VALUE_RANGE", message: /expected momentum in \[0, 1\]/ });
    assert.throws(() => mergeStatistics(long, long, outputs, { rows: 1, c: 5 }, 0.1), { code: "SHAPE_MISMATCH", message: /more than one value per channel/ });
    for (const name of ["mean", "variance", "runningMean", "runningVariance"]) {
      assert.throws(() => mergeStatistics(long, long, { ...outputs, [name]: short }, shape, 0.1), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold 8`) });
    }
    assert.throws(() => mergeStatistics(long, long, outputs, { rows: 5, c: 0 }, 0.1), { code: "SHAPE_MISMATCH", message: /norm\/batch-statistics-merge: expected c/ });
    assert.throws(() => mergeStatistics(short, long, outputs, shape, 0.1), { code: "SHAPE_MISMATCH", message: /expected x to hold 40/ });
    assert.throws(() => mergeStatistics(long, short, outputs, shape, 0.1), { code: "SHAPE_MISMATCH", message: /expected parts to hold 32/ });
    scope.dispose();
  });
});
