import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { linfStep } from "../../../services/engine/kernels/attack/linf-step.ts";
import { linfStepReference } from "../../../services/engine/reference/attack/linf-step.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, withScope } from "../../support/rows.ts";

const STEP = { stepSize: Math.fround(2 / 255), epsilon: Math.fround(8 / 255), direction: 1 as 1 | -1, low: 0, high: 1 };

describe("attack/linf-step", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, x0: Float64Array, g: Float64Array, options: Partial<typeof STEP> = {}): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = inPlaceF32(scope, "x", x, -7);
    return runChecked(gpu, [linfStep(output, uploadF32(scope, "x0", x0), uploadF32(scope, "g", g), { n: 1, m: x.length, ...STEP, ...options })], output, x.length, -7);
  });
  const images = (seed: number, n: number): Float64Array => uniform(seed, n).map((v) => Math.fround((v + 1) / 2));
  const inputs = (n: number): [Float64Array, Float64Array, Float64Array] => {
    const x0 = images(n, n);
    const g = uniform(n + 2, n).map((v) => (Math.abs(v) < 0.2 ? 0 : v)); // a fifth of the gradients is exactly 0
    const moved = uniform(n + 1, n, STEP.epsilon);
    return [x0.map((v, i) => Math.fround(v + moved[i]!)), x0, g];
  };

  // One; a prime; one under, at and over a workgroup's 256 elements; large.
  for (const n of [1, 31, 255, 256, 257, 3001]) {
    it(`matches the reference at [${n}]`, async () => {
      const [x, x0, g] = inputs(n);
      for (const direction of [1, -1] as const) {
        assertClose(await run(x, x0, g, { direction }), linfStepReference(x, x0, g, { ...STEP, direction }), TOLERANCE.elementwise);
      }
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [x, x0, g] = inputs(256 * 10 + 5);
    assertClose(await run(x, x0, g), linfStepReference(x, x0, g, STEP), TOLERANCE.elementwise);
  }));

  it("never leaves the box or the pixel range, however long the step and however far x had strayed", async () => {
    const x0 = images(1, 1000);
    const strayed = uniform(2, 1000);
    const x = x0.map((v, i) => Math.fround(v + strayed[i]!));
    const y = await run(x, x0, uniform(3, 1000), { stepSize: 5 });
    y.forEach((v, i) => {
      assert.ok(Math.abs(v - x0[i]!) <= STEP.epsilon + 2 ** -24, `|${v} - ${x0[i]}|`); // half an ulp of 1: the rounding of x0 ± ε
      assert.ok(v >= 0 && v <= 1);
    });
  });

  it("does not move where the gradient is 0, nor at all with step 0", async () => {
    const [, x0, g] = inputs(500);
    assert.deepEqual(await run(x0, x0, new Float64Array(500)), Float32Array.from(x0));
    assert.deepEqual(await run(x0, x0, g, { stepSize: 0 }), Float32Array.from(x0));
  });

  it("raises a linear loss when ascending and lowers it when descending", async () => {
    const x0 = images(4, 300);
    const g = uniform(5, 300);
    const loss = (x: ArrayLike<number>): number => g.reduce((sum, v, i) => sum + v * x[i]!, 0);
    assert.ok(loss(await run(x0, x0, g)) > loss(x0));
    assert.ok(loss(await run(x0, x0, g, { direction: -1 })) < loss(x0));
  });

  it("takes step and radius at run time", () => withScope(gpu, async (scope) => {
    const [x, x0, g] = inputs(40);
    const stepSize = new Dynamic("step");
    const epsilon = new Dynamic("epsilon");
    const output = uploadF32(scope, "x", x);
    const step = linfStep(output, uploadF32(scope, "x0", x0), uploadF32(scope, "g", g), { ...STEP, n: 4, m: 10, stepSize, epsilon });
    await runOnce(gpu, "test", [step], new Map([[stepSize, 0.5], [epsilon, 0.25]]));
    assertClose(await gpu.readF32(output), linfStepReference(x, x0, g, { ...STEP, stepSize: 0.5, epsilon: 0.25 }), TOLERANCE.elementwise);
  }));

  it("repeats to the bit", async () => {
    const [x, x0, g] = inputs(3000);
    assert.deepEqual(await run(x, x0, g), await run(x, x0, g));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /attack\/linf-step: expected n/ });
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected x0 to hold 5/ });
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 1, m: 4, epsilon: -1 }), { code: "VALUE_RANGE", message: /expected epsilon in/ });
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 1, m: 4, stepSize: NaN }), { code: "VALUE_RANGE", message: /expected stepSize in/ });
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 1, m: 4, direction: 0 as 1 }), { code: "VALUE_RANGE", message: /expected direction to be/ });
    assert.throws(() => linfStep(t, t, t, { ...STEP, n: 1, m: 4, low: 2 }), { code: "VALUE_RANGE", message: /expected low in/ });
  }));
});
