import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector } from "../../../services/engine/graph/layout.ts";
import { normaliseGrad } from "../../../services/engine/kernels/norm/normalise-grad.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { normaliseGradReference } from "../../../services/engine/reference/norm/normalise-grad.ts";
import { normaliseReference } from "../../../services/engine/reference/norm/normalise.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { between, describeNchw, normCases, sizeOf } from "./cases.ts";

describe("norm/normalise-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, deviation: Float64Array, shape: Nchw): Promise<Float32Array> => {
    const packed = packActivation(dy, [shape.n, shape.c, shape.h, shape.w]);
    return (await launch(gpu, { dimage: dy.length }, (scope, { dimage }) =>
      normaliseGrad(uploadF32(scope, "dy", packed), dimage, uploadF32(scope, "deviation", packVector(deviation)), shape))).dimage;
  };
  const check = async (shape: Nchw): Promise<void> => {
    const [dy, deviation] = [uniform(1, sizeOf(shape)), between(3, shape.c, 0.2, 0.3)];
    assertClose(await run(dy, deviation, shape), normaliseGradReference(dy, deviation, shape), TOLERANCE.elementwise);
  };

  // One under, at and over a workgroup's 512 pixels, with a colour image's three channels.
  for (const shape of [...normCases, { n: 1, c: 3, h: 7, w: 73 }, { n: 2, c: 3, h: 16, w: 16 }, { n: 27, c: 3, h: 19, w: 1 }]) {
    it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 4, c: 3, h: 20, w: 27 })));

  it("is the derivative of normalise: the reference agrees with central differences", () => {
    const shape = { n: 2, c: 3, h: 2, w: 3 };
    const [image, mean, deviation, dy] = [between(1, 36, 0, 1), between(2, 3, 0.3, 0.6), between(3, 3, 0.2, 0.3), uniform(4, 36)];
    assertClose(normaliseGradReference(dy, deviation, shape), centralDifferences((v) => dot(normaliseReference(v, mean, deviation, shape), dy), image), DIFFERENCES);
  });

  it("puts each channel back in its plane", async () => {
    const dimage = await run(Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(1, 0.5, 0.25), { n: 1, c: 3, h: 1, w: 2 });
    assert.deepEqual(dimage, Float32Array.of(1, 2, 6, 8, 20, 24));
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<Float32Array> => run(uniform(1, 363), between(3, 3, 0.2, 0.3), { n: 1, c: 3, h: 11, w: 11 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [32])];
    const shape = { n: 1, c: 5, h: 2, w: 2 };
    assert.throws(() => normaliseGrad(long, long, long, { ...shape, c: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/normalise-grad: expected c/ });
    assert.throws(() => normaliseGrad(short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected dy to hold 32/ });
    assert.throws(() => normaliseGrad(long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected dimage to hold 20/ });
    assert.throws(() => normaliseGrad(long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected deviation to hold 8/ });
    scope.dispose();
  });
});
