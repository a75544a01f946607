import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { type AxisShape, axisShape } from "../../../services/engine/kernels/nn/axis.ts";
import { softmax } from "../../../services/engine/kernels/nn/softmax.ts";
import { softmaxReference } from "../../../services/engine/reference/nn/softmax.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { axisCases, describeAxis, sizeOfAxis } from "./cases.ts";

describe("nn/softmax", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, shape: AxisShape, log: boolean): Promise<Float32Array> =>
    (await launch(gpu, { y: x.length }, (scope, { y }) => softmax(uploadF32(scope, "x", x), y, shape, { log }))).y;

  for (const log of [false, true]) for (const shape of axisCases) {
    it(`matches the reference${log ? " of the logarithm" : ""} at ${describeAxis(shape)}`, async () => {
      const x = uniform(1, sizeOfAxis(shape), 6);
      assertClose(await run(x, shape, log), softmaxReference(x, shape, { log }), TOLERANCE.reduction(shape.size));
    });
  }

  it("undoes the fold of a large grid, and repeats to the bit", async () => {
    const [x, shape] = [uniform(1, 1200, 3), { outer: 100, size: 4, inner: 3 }];
    const once = await run(x, shape, false);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(x, shape, false), once));
    assert.deepEqual(await run(x, shape, false), once);
  });

  it("does not change when all numbers of a line move by 1000", async () => {
    const shape = { outer: 20, size: 10, inner: 1 };
    const x = uniform(4, 200, 6).map((v) => Math.round(v * 64) / 64); // so that adding 1000 is exact
    for (const log of [false, true]) assert.deepEqual(await run(x.map((v) => v + 1000), shape, log), await run(x, shape, log));
  });

  it("is one over the size where all numbers are equal, however large, and its logarithm at both ends", async () => {
    const shape = { outer: 1, size: 10, inner: 1 };
    for (const value of [0, 1e30, -1e30]) {
      assertClose(await run(new Float64Array(10).fill(value), shape, false), new Float64Array(10).fill(0.1), TOLERANCE.elementwise);
      assertClose(await run(new Float64Array(10).fill(value), shape, true), new Float64Array(10).fill(-Math.log(10)), TOLERANCE.elementwise);
    }
    assertClose(await run(Float64Array.of(0, 500, -500), { outer: 1, size: 3, inner: 1 }, true), [-500, 0, -1000], TOLERANCE.elementwise);
  });

  it("gives a line the same bits in any batch", async () => {
    const x = uniform(5, 9 * 21, 6);
    const all = await run(x, { outer: 9, size: 7, inner: 3 }, false);
    assert.deepEqual(await run(x.slice(84, 105), { outer: 1, size: 7, inner: 3 }, false), all.slice(84, 105));
  });

  it("refuses an empty axis and short tensors by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    assert.throws(() => softmax(long, long, { outer: 2, size: 0, inner: 1 }, { log: false }), { code: "SHAPE_MISMATCH", message: /nn\/softmax: expected size/ });
    assert.throws(() => softmax(short, long, { outer: 2, size: 3, inner: 1 }, { log: true }), { code: "SHAPE_MISMATCH", message: /expected x to hold 6/ });
    assert.throws(() => softmax(long, short, { outer: 2, size: 3, inner: 1 }, { log: true }), { code: "SHAPE_MISMATCH", message: /expected y to hold 6/ });
    scope.dispose();
  });

  it("sees a shape along an axis", () => assert.deepEqual([0, 1, 2].map((axis) => axisShape([2, 3, 5], axis)), [{ outer: 1, size: 2, inner: 15 }, { outer: 2, size: 3, inner: 5 }, { outer: 6, size: 5, inner: 1 }]));
});
