import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { UnaryFunction } from "../../../services/engine/graph/operations/elementwise.ts";
import { unaryGrad } from "../../../services/engine/kernels/elementwise/unary-grad.ts";
import { unaryReference } from "../../../services/engine/reference/elementwise/unary.ts";
import { unaryGradReference } from "../../../services/engine/reference/elementwise/unary-grad.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeFunction, unaryCases } from "./unary-cases.ts";

describe("elementwise/unary-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (fn: UnaryFunction, dy: Float64Array, x: Float64Array): Promise<Float32Array> =>
    (await launch(gpu, { dx: x.length }, (scope, { dx }) => unaryGrad(fn, uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), dx, x.length))).dx;

  unaryCases.forEach(({ fn, x }, i) => it(`matches the reference: ${describeFunction(fn)} (case ${i})`, async () => {
    const dy = uniform(7, 301);
    assertClose(await run(fn, dy, x(301)), unaryGradReference(fn, dy, x(301)), TOLERANCE.elementwise);
  }));

  for (const { fn } of unaryCases) {
    it(`the reference is the derivative of the function: ${describeFunction(fn)}`, () => {
      const x = uniform(5, 40, 2).map((v) => Math.abs(v) + 0.013); // in every domain, and no kink
      const slope = unaryGradReference(fn, new Float64Array(40).fill(1), x);
      const [above, below] = [1e-6, -1e-6].map((step) => unaryReference(fn, x.map((v) => v + step)));
      assertClose(slope, x.map((_, i) => (above![i]! - below![i]!) / 2e-6), { atol: 1e-7, rtol: 1e-6 });
    });
  }

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 100_003]) {
    it(`matches the reference at [${n}]`, async () => {
      const [dy, x] = [uniform(1, n), uniform(2, n, 3)];
      assertClose(await run({ name: "sigmoid" }, dy, x), unaryGradReference({ name: "sigmoid" }, dy, x), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const [dy, x] = [uniform(1, 2048 * 5 + 5), uniform(2, 2048 * 5 + 5)];
    assert.deepEqual(await run({ name: "abs" }, dy, x), Float32Array.from(dy, (d, i) => d * Math.sign(x[i]!)));
  }));

  it("is 0 where nothing comes back, even where the slope is infinite", async () => {
    for (const name of ["sqrt", "log", "reciprocal"] as const) assert.deepEqual(await run({ name }, new Float64Array(9), new Float64Array(9)), new Float32Array(9));
  });

  it("passes nothing at the bounds of clip, as ReLU6 in PyTorch", async () => {
    assert.deepEqual([...await run({ name: "clip", min: 0, max: 6 }, Float64Array.of(1, 1, 1, 1, 1), Float64Array.of(-1, 0, 3, 6, 7))], [0, 0, 1, 0, 0]);
  });

  it("passes at the bounds of clamp, as torch.clamp", async () => {
    assert.deepEqual([...await run({ name: "clamp", min: 0, max: 6 }, Float64Array.of(1, 1, 1, 1, 1), Float64Array.of(-1, 0, 3, 6, 7))], [0, 1, 1, 1, 0]);
  });

  it("repeats to the bit", async () => {
    const [dy, x] = [uniform(1, 3000), uniform(2, 3000)];
    assert.deepEqual(await run({ name: "gelu", approximate: "tanh" }, dy, x), await run({ name: "gelu", approximate: "tanh" }, dy, x));
  });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    assert.throws(() => unaryGrad({ name: "exp" }, t, t, t, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/unary-grad: expected n/ });
    assert.throws(() => unaryGrad({ name: "exp" }, t, t, t, 5), { code: "SHAPE_MISMATCH", message: /expected dy to hold 5 elements, got 4/ });
    scope.dispose();
  });
});
