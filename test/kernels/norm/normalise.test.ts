import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { normalise } from "../../../services/engine/kernels/norm/normalise.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { normaliseReference } from "../../../services/engine/reference/norm/normalise.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { between, describeNchw, normCases, sizeOf } from "./cases.ts";

describe("norm/normalise", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical output, padding lanes included. */
  const run = async (image: Float64Array, mean: Float64Array, deviation: Float64Array, shape: Nchw): Promise<Float32Array> =>
    (await launch(gpu, { y: shape.n * shape.h * shape.w * pad4(shape.c) }, (scope, { y }) =>
      normalise(uploadF32(scope, "image", image), y, uploadF32(scope, "mean", packVector(mean)), uploadF32(scope, "deviation", packVector(deviation)), shape))).y;
  const check = async (shape: Nchw): Promise<void> => {
    const [image, mean, deviation] = [between(1, sizeOf(shape), 0, 1), between(2, shape.c, 0.3, 0.6), between(3, shape.c, 0.2, 0.3)];
    const expected = normaliseReference(image, mean, deviation, shape);
    assertClose(await run(image, mean, deviation, shape), packActivation(expected, [shape.n, shape.c, shape.h, shape.w]), TOLERANCE.elementwise);
  };

  // One under, at and over a workgroup's 512 pixels, with a colour image's three channels.
  for (const shape of [...normCases, { n: 1, c: 3, h: 7, w: 73 }, { n: 2, c: 3, h: 16, w: 16 }, { n: 27, c: 3, h: 19, w: 1 }]) {
    it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 4, c: 3, h: 20, w: 27 })));

  it("maps mean to 0 and one deviation above it to 1", async () => {
    const shape = { n: 1, c: 2, h: 1, w: 2 };
    const y = await run(Float64Array.of(0.5, 0.75, 0.25, 0.375), Float64Array.of(0.5, 0.25), Float64Array.of(0.25, 0.125), shape);
    assert.deepEqual(y, Float32Array.of(0, 0, 0, 0, 1, 1, 0, 0));
  });

  it("gives an image the same bits in any batch", async () => {
    const [image, mean, deviation] = [between(1, 3 * 75, 0, 1), between(2, 3, 0.3, 0.6), between(3, 3, 0.2, 0.3)];
    const all = await run(image, mean, deviation, { n: 3, c: 3, h: 5, w: 5 });
    const last = await run(image.slice(150), mean, deviation, { n: 1, c: 3, h: 5, w: 5 });
    assert.deepEqual(all.slice(200), last);
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<Float32Array> => run(between(1, 363, 0, 1), between(2, 3, 0.3, 0.6), between(3, 3, 0.2, 0.3), { n: 1, c: 3, h: 11, w: 11 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [32])];
    const shape = { n: 1, c: 5, h: 2, w: 2 };
    assert.throws(() => normalise(long, long, long, long, { ...shape, h: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/normalise: expected h/ });
    assert.throws(() => normalise(short, long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected image to hold 20/ });
    assert.throws(() => normalise(long, short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected y to hold 32/ });
    assert.throws(() => normalise(long, long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected mean to hold 8/ });
    assert.throws(() => normalise(long, long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected deviation to hold 8/ });
    scope.dispose();
  });
});
