import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector } from "../../../services/engine/graph/layout.ts";
import { batchGradApply } from "../../../services/engine/kernels/norm/batch-grad-apply.ts";
import { batchApplyReference, type NormNchw } from "../../../services/engine/reference/norm/batch-apply.ts";
import { batchGradApplyReference } from "../../../services/engine/reference/norm/batch-grad-apply.ts";
import { batchGradSumsReference } from "../../../services/engine/reference/norm/batch-grad-sums.ts";
import { batchStatisticsReference } from "../../../services/engine/reference/norm/batch-statistics.ts";
import { type Nchw, sumPerChannel } from "../../../services/engine/reference/norm/channels.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeNchw, normCases, rowsOf, sizeOf } from "./cases.ts";

interface Case { dy: Float64Array; x: Float64Array; mean: Float64Array; variance: Float64Array; gamma: Float64Array; sumDy: Float64Array; sumDyXhat: Float64Array }

describe("norm/batch-grad-apply", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const caseOf = (shape: NormNchw): Case => {
    const [dy, x, gamma] = [uniform(1, sizeOf(shape)), uniform(2, sizeOf(shape)), uniform(3, shape.c)];
    const { mean, variance } = batchStatisticsReference(x, shape);
    return { dy, x, mean, variance, gamma, ...batchGradSumsReference(dy, x, mean, variance, shape) };
  };
  const reference = (t: Case, shape: NormNchw): Float64Array => batchGradApplyReference(t.dy, t.x, t.mean, t.variance, t.gamma, t.sumDy, t.sumDyXhat, shape);
  /** Physical dx, padding lanes included. */
  const run = async (t: Case, shape: NormNchw): Promise<Float32Array> => {
    const sides = [shape.n, shape.c, shape.h, shape.w] as const;
    const [dy, x] = [packActivation(t.dy, sides), packActivation(t.x, sides)];
    return (await launch(gpu, { dx: x.length }, (scope, { dx }) => {
      const vector = (name: keyof Case): ReturnType<typeof uploadF32> => uploadF32(scope, name, packVector(t[name]));
      return batchGradApply(uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), vector("mean"), vector("variance"), vector("gamma"), vector("sumDy"), vector("sumDyXhat"), dx,
        { rows: rowsOf(shape), c: shape.c, epsilon: shape.epsilon });
    })).dx;
  };
  const check = async (shape: Nchw): Promise<void> => {
    const full = { ...shape, epsilon: 0.01 }; // large, so that the case of one row (variance 0) has gradients of order 1
    const t = caseOf(full);
    assertClose(await run(t, full), packActivation(reference(t, full), [shape.n, shape.c, shape.h, shape.w]), TOLERANCE.elementwise);
  };

  for (const shape of normCases) it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 9, c: 20, h: 7, w: 7 })));

  it("is the derivative through the statistics too: the reference agrees with central differences", () => {
    const shape = { n: 2, c: 3, h: 2, w: 3, epsilon: 0.01 };
    const t = caseOf(shape);
    const beta = uniform(9, 3);
    const forward = (x: Float64Array): Float64Array => {
      const { mean, variance } = batchStatisticsReference(x, shape);
      return batchApplyReference(x, mean, variance, t.gamma, beta, shape);
    };
    assertClose(reference(t, shape), centralDifferences((x) => dot(forward(x), t.dy), t.x), DIFFERENCES);
  });

  it("gives a gradient that no shift of the batch changes: dx sums to 0 per channel", async () => {
    const shape = { n: 3, c: 4, h: 5, w: 5, epsilon: 1e-5 };
    const dx = await run(caseOf(shape), shape);
    const sums = sumPerChannel({ n: 75, c: 4, h: 1, w: 1 }, (i) => dx[i]!);
    assertClose(sums, new Float64Array(4), TOLERANCE.reduction(75));
  });

  it("repeats to the bit", async () => {
    const shape = { n: 1, c: 5, h: 11, w: 11, epsilon: 1e-5 };
    assert.deepEqual(await run(caseOf(shape), shape), await run(caseOf(shape), shape));
  });

  it("refuses an empty shape, short buffers and epsilon 0 by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const shape = { rows: 5, c: 5, epsilon: 1e-5 };
    assert.throws(() => batchGradApply(long, long, long, long, long, long, long, long, { ...shape, c: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-grad-apply: expected c/ });
    assert.throws(() => batchGradApply(long, long, long, long, long, long, long, long, { ...shape, epsilon: -1 }), { code: "VALUE_RANGE", message: /norm\/batch-grad-apply: expected epsilon/ });
    for (const [place, name] of ["dy", "x", "mean", "variance", "gamma", "sumDy", "sumDyXhat", "dx"].entries()) {
      const t = (i: number): typeof long => (i === place ? short : long);
      assert.throws(() => batchGradApply(t(0), t(1), t(2), t(3), t(4), t(5), t(6), t(7), shape), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold`) });
    }
    scope.dispose();
  });
});
