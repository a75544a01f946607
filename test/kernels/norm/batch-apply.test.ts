import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector, unpackActivation } from "../../../services/engine/graph/layout.ts";
import { batchApply } from "../../../services/engine/kernels/norm/batch-apply.ts";
import { batchApplyReference, type NormNchw } from "../../../services/engine/reference/norm/batch-apply.ts";
import { batchStatisticsReference } from "../../../services/engine/reference/norm/batch-statistics.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { between, describeNchw, normCases, rowsOf, sizeOf } from "./cases.ts";

interface Vectors { mean: Float64Array; variance: Float64Array; gamma: Float64Array; beta: Float64Array }

describe("norm/batch-apply", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const vectors = (c: number): Vectors => ({ mean: uniform(2, c), variance: between(3, c, 0.1, 2), gamma: uniform(4, c), beta: uniform(5, c) });
  /** Physical output, padding lanes included. */
  const run = async (x: Float64Array, v: Vectors, shape: NormNchw, relu = false, residual?: Float64Array): Promise<Float32Array> => {
    const pack = (data: Float64Array): Float32Array => packActivation(data, [shape.n, shape.c, shape.h, shape.w]);
    const packed = pack(x);
    return (await launch(gpu, { y: packed.length }, (scope, { y }) => {
      const vector = (name: keyof Vectors): ReturnType<typeof uploadF32> => uploadF32(scope, name, packVector(v[name]));
      return batchApply(uploadF32(scope, "x", packed), vector("mean"), vector("variance"), vector("gamma"), vector("beta"), y, { rows: rowsOf(shape), c: shape.c, epsilon: shape.epsilon }, { relu, residual: residual && uploadF32(scope, "residual", pack(residual)) });
    })).y;
  };
  const check = async (shape: Nchw, { relu, residual: added }: { relu: boolean; residual: boolean }): Promise<void> => {
    const [x, v, full] = [uniform(1, sizeOf(shape)), vectors(shape.c), { ...shape, epsilon: 1e-5 }];
    const residual = added ? uniform(6, sizeOf(shape)) : undefined;
    const expected = batchApplyReference(x, v.mean, v.variance, v.gamma, v.beta, full, { relu, ...(residual && { residual }) });
    assertClose(await run(x, v, full, relu, residual), packActivation(expected, [shape.n, shape.c, shape.h, shape.w]), TOLERANCE.elementwise);
  };

  for (const shape of normCases) for (const residual of [false, true]) for (const relu of [false, true]) {
    it(`matches the reference at ${describeNchw(shape)}, residual ${residual}, relu ${relu}`, () => check(shape, { residual, relu }));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 9, c: 20, h: 7, w: 7 }, { residual: true, relu: false })));

  it("gives mean 0 and variance σ²/(σ² + ε) with the batch's own statistics, even far from 0", async () => {
    const shape = { n: 4, c: 4, h: 20, w: 20, epsilon: 0.5 };
    const x = uniform(1, sizeOf(shape)).map((v) => Math.fround(1000 + v));
    const { mean, variance } = batchStatisticsReference(x, shape);
    const y = await run(x, { mean: mean.map(Math.fround), variance, gamma: new Float64Array(4).fill(1), beta: new Float64Array(4) }, shape);
    const after = batchStatisticsReference(Float64Array.from(y), { n: 1600, c: 4, h: 1, w: 1 }); // c = C: NHWC rows are features
    assertClose(after.mean, new Float64Array(4), { atol: 5e-5, rtol: 0 }); // half a unit in the last place of 1000, over 0.91
    assertClose(after.variance, variance.map((v) => v / (v + 0.5)), { atol: 1e-6, rtol: 0 });
  });

  it("adds before the ReLU: the negative of what it normalises leaves 0", async () => {
    const shape = { n: 2, c: 5, h: 3, w: 3, epsilon: 1e-5 };
    const [x, v] = [uniform(1, sizeOf(shape)), vectors(5)];
    const y = unpackActivation(await run(x, v, shape), [2, 5, 3, 3]);
    assert.deepEqual(await run(x, v, shape, true, Float64Array.from(y, (value) => -value)), packActivation(new Float64Array(y.length), [2, 5, 3, 3]));
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<Float32Array> => run(uniform(1, 605), vectors(5), { n: 1, c: 5, h: 11, w: 11, epsilon: 1e-5 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape, short buffers and epsilon 0 by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const shape = { rows: 5, c: 5, epsilon: 1e-5 };
    assert.throws(() => batchApply(long, long, long, long, long, long, { ...shape, rows: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-apply: expected rows/ });
    assert.throws(() => batchApply(long, long, long, long, long, long, { ...shape, epsilon: 0 }), { code: "VALUE_RANGE", message: /norm\/batch-apply: expected epsilon/ });
    assert.throws(() => batchApply(long, long, long, long, long, long, shape, { residual: short }), { code: "SHAPE_MISMATCH", message: /expected residual to hold 40/ });
    for (const [place, name] of ["x", "mean", "variance", "gamma", "beta", "y"].entries()) {
      const t = (i: number): typeof long => (i === place ? short : long);
      assert.throws(() => batchApply(t(0), t(1), t(2), t(3), t(4), t(5), shape), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold`) });
    }
    scope.dispose();
  });
});
