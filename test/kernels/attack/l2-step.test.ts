import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { l2Step } from "../../../services/engine/kernels/attack/l2-step.ts";
import { rowNormReference } from "../../../services/engine/reference/reduce/row-norm.ts";
import { l2StepReference } from "../../../services/engine/reference/attack/l2-step.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, withScope } from "../../support/rows.ts";

const STEP = 0.0625;

describe("attack/l2-step", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, g: Float64Array, norm: Float64Array, direction: 1 | -1 = 1): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = inPlaceF32(scope, "x", x, -7);
    const options = { n: norm.length, m: x.length / norm.length, stepSize: STEP, direction };
    return runChecked(gpu, [l2Step(output, uploadF32(scope, "g", g), uploadF32(scope, "norm", norm), options)], output, x.length, -7);
  });
  const normOf = (g: Float64Array, m: number): Float64Array => rowNormReference(g, null, m).map(Math.fround);

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m] of [[1, 1], [3, 7], [1, 63], [1, 64], [1, 65], [2, 256], [1, 260], [5, 1001], [4, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const x = uniform(n, n * m);
      const g = uniform(m, n * m, 1e-4);
      const norm = normOf(g, m);
      assertClose(await run(x, g, norm), l2StepReference(x, g, norm, { stepSize: STEP, direction: 1 }), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const x = uniform(1, 7 * 100);
    const g = uniform(2, 7 * 100);
    const norm = normOf(g, 100);
    assertClose(await run(x, g, norm, -1), l2StepReference(x, g, norm, { stepSize: STEP, direction: -1 }), TOLERANCE.elementwise);
  }));

  it("moves each image by the step length along its own gradient, up or down", async () => {
    const g = uniform(3, 3 * 50);
    for (const direction of [1, -1] as const) {
      const y = Float64Array.from(await run(new Float64Array(150), g, normOf(g, 50), direction));
      for (const length of rowNormReference(y, null, 50)) assert.ok(Math.abs(length - STEP) < 1e-6);
      const along = y.reduce((sum, v, i) => sum + v * g[i]!, 0);
      assert.equal(Math.sign(along), direction);
    }
  });

  it("stays put, finite, where the gradient is 0", async () => {
    const x = uniform(5, 64);
    assert.deepEqual(await run(x, new Float64Array(64), new Float64Array(2)), Float32Array.from(x));
  });

  it("repeats to the bit", async () => {
    const [x, g] = [uniform(1, 999), uniform(2, 999)];
    assert.deepEqual(await run(x, g, normOf(g, 333)), await run(x, g, normOf(g, 333)));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => l2Step(t, t, t, { n: 1, m: 0, stepSize: 1, direction: 1 }), { code: "SHAPE_MISMATCH", message: /attack\/l2-step: expected m/ });
    assert.throws(() => l2Step(t, t, t, { n: 5, m: 1, stepSize: 1, direction: 1 }), { code: "SHAPE_MISMATCH", message: /expected gradient to hold 5/ });
    assert.throws(() => l2Step(t, t, t, { n: 1, m: 4, stepSize: -1, direction: 1 }), { code: "VALUE_RANGE", message: /expected stepSize/ });
    assert.throws(() => l2Step(t, t, t, { n: 1, m: 4, stepSize: 1, direction: 2 as 1 }), { code: "VALUE_RANGE", message: /expected direction/ });
  }));
});
