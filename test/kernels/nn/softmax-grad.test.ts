import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { AxisShape } from "../../../services/engine/kernels/nn/axis.ts";
import { softmaxGrad } from "../../../services/engine/kernels/nn/softmax-grad.ts";
import { softmaxReference } from "../../../services/engine/reference/nn/softmax.ts";
import { softmaxGradReference } from "../../../services/engine/reference/nn/softmax-grad.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { axisCases, describeAxis, sizeOfAxis } from "./cases.ts";

describe("nn/softmax-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, y: Float64Array, shape: AxisShape, log: boolean): Promise<Float32Array> =>
    (await launch(gpu, { dx: dy.length }, (scope, { dx }) => softmaxGrad(uploadF32(scope, "dy", dy), uploadF32(scope, "y", y), dx, shape, { log }))).dx;
  const inputs = (shape: AxisShape, log: boolean): [Float64Array, Float64Array] => [uniform(2, sizeOfAxis(shape)), softmaxReference(uniform(1, sizeOfAxis(shape), 3), shape, { log }).map(Math.fround)];

  for (const log of [false, true]) for (const shape of axisCases) {
    it(`matches the reference${log ? " of the logarithm" : ""} at ${describeAxis(shape)}`, async () => {
      const [dy, y] = inputs(shape, log);
      assertClose(await run(dy, y, shape, log), softmaxGradReference(dy, y, shape, { log }), TOLERANCE.reduction(shape.size));
    });
  }

  it("is the gradient: the reference agrees with central differences", () => {
    const [shape, x, dy] = [{ outer: 2, size: 4, inner: 3 }, uniform(1, 24, 2), uniform(2, 24)];
    for (const log of [false, true]) {
      assertClose(softmaxGradReference(dy, softmaxReference(x, shape, { log }), shape, { log }), centralDifferences((v) => dot(softmaxReference(v, shape, { log }), dy), x), DIFFERENCES);
    }
  });

  it("sums to 0 over a line, and is 0 where all of softmax's dy are equal", async () => {
    const shape = { outer: 30, size: 8, inner: 1 };
    for (const log of [false, true]) {
      const dx = await run(...inputs(shape, log), shape, log);
      for (let i = 0; i < 30; i++) assert.ok(Math.abs(dx.subarray(i * 8, i * 8 + 8).reduce((a, b) => a + b, 0)) < 1e-5);
    }
    const even = await run(new Float64Array(240).fill(0.5), new Float64Array(240).fill(0.125), shape, false);
    assert.deepEqual(even, new Float32Array(240));
  });

  it("undoes the fold of a large grid, repeats to the bit and gives a line the same bits in any batch", async () => {
    const shape = { outer: 100, size: 4, inner: 3 };
    const [dy, y] = inputs(shape, false);
    const once = await run(dy, y, shape, false);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(dy, y, shape, false), once));
    assert.deepEqual(await run(dy, y, shape, false), once);
    assert.deepEqual(await run(dy.slice(600, 612), y.slice(600, 612), { ...shape, outer: 1 }, false), once.slice(600, 612));
  });

  it("refuses an empty axis and short tensors by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { outer: 2, size: 3, inner: 1 }];
    assert.throws(() => softmaxGrad(long, long, long, { ...shape, inner: 0 }, { log: false }), { code: "SHAPE_MISMATCH", message: /nn\/softmax-grad: expected inner/ });
    assert.throws(() => softmaxGrad(short, long, long, shape, { log: false }), { code: "SHAPE_MISMATCH", message: /expected dy to hold 6/ });
    assert.throws(() => softmaxGrad(long, short, long, shape, { log: true }), { code: "SHAPE_MISMATCH", message: /expected y to hold 6/ });
    assert.throws(() => softmaxGrad(long, long, short, shape, { log: true }), { code: "SHAPE_MISMATCH", message: /expected dx to hold 6/ });
    scope.dispose();
  });
});
