import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector } from "../../../services/engine/graph/layout.ts";
import { batchGradEval } from "../../../services/engine/kernels/norm/batch-grad-eval.ts";
import { batchApplyReference, type NormNchw } from "../../../services/engine/reference/norm/batch-apply.ts";
import { batchGradEvalReference } from "../../../services/engine/reference/norm/batch-grad-eval.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { between, describeNchw, normCases, rowsOf, sizeOf } from "./cases.ts";

describe("norm/batch-grad-eval", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dx, padding lanes included. */
  const run = async (dy: Float64Array, variance: Float64Array, gamma: Float64Array, shape: NormNchw): Promise<Float32Array> => {
    const packed = packActivation(dy, [shape.n, shape.c, shape.h, shape.w]);
    return (await launch(gpu, { dx: packed.length }, (scope, { dx }) => batchGradEval(
      uploadF32(scope, "dy", packed), uploadF32(scope, "variance", packVector(variance)), uploadF32(scope, "gamma", packVector(gamma)), dx,
      { rows: rowsOf(shape), c: shape.c, epsilon: shape.epsilon },
    ))).dx;
  };
  const check = async (shape: Nchw): Promise<void> => {
    const [dy, variance, gamma, full] = [uniform(1, sizeOf(shape)), between(2, shape.c, 0.1, 2), uniform(3, shape.c), { ...shape, epsilon: 1e-5 }];
    assertClose(await run(dy, variance, gamma, full), packActivation(batchGradEvalReference(dy, variance, gamma, full), [shape.n, shape.c, shape.h, shape.w]), TOLERANCE.elementwise);
  };

  for (const shape of normCases) it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 9, c: 20, h: 7, w: 7 })));

  it("is the derivative with fixed statistics: the reference agrees with central differences", () => {
    const shape = { n: 2, c: 3, h: 2, w: 3, epsilon: 0.01 };
    const [dy, x, mean, variance, gamma, beta] = [uniform(1, 36), uniform(2, 36), uniform(3, 3), between(4, 3, 0.1, 2), uniform(5, 3), uniform(6, 3)];
    assertClose(batchGradEvalReference(dy, variance, gamma, shape), centralDifferences((v) => dot(batchApplyReference(v, mean, variance, gamma, beta, shape), dy), x), DIFFERENCES);
  });

  it("is the identity where gamma² = variance + epsilon", async () => {
    const dy = uniform(1, 100);
    const dx = await run(dy, new Float64Array(4).fill(3.75), new Float64Array(4).fill(2), { n: 25, c: 4, h: 1, w: 1, epsilon: 0.25 });
    assert.deepEqual(dx, Float32Array.from(dy));
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<Float32Array> => run(uniform(1, 605), between(2, 5, 0.1, 2), uniform(3, 5), { n: 1, c: 5, h: 11, w: 11, epsilon: 1e-5 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape, short buffers and epsilon 0 by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const shape = { rows: 5, c: 5, epsilon: 1e-5 };
    assert.throws(() => batchGradEval(long, long, long, long, { ...shape, rows: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-grad-eval: expected rows/ });
    assert.throws(() => batchGradEval(long, long, long, long, { ...shape, epsilon: 0 }), { code: "VALUE_RANGE", message: /norm\/batch-grad-eval: expected epsilon/ });
    for (const [place, name] of ["dy", "variance", "gamma", "dx"].entries()) {
      const t = (i: number): typeof long => (i === place ? short : long);
      assert.throws(() => batchGradEval(t(0), t(1), t(2), t(3), shape), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold`) });
    }
    scope.dispose();
  });
});
