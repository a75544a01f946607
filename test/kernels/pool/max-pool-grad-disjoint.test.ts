import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, pad4, unpackActivation } from "../../../services/engine/graph/layout.ts";
import { poolGeometry, type PoolGeometry, type PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { maxPoolGradDisjoint } from "../../../services/engine/kernels/pool/max-pool-grad-disjoint.ts";
import { maxPoolGradReference } from "../../../services/engine/reference/pool/max-pool-grad.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describePool, quantised } from "./cases.ts";

// The derivative itself is checked in max-pool-grad.test.ts: the twin is the same.
describe("pool/max-pool-grad-disjoint", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dx, padding lanes included. */
  const run = async (x: Float64Array, dy: Float64Array, g: PoolGeometry, relu = false): Promise<Float32Array> => (await launch(gpu, { dx: g.n * g.h * g.w * pad4(g.c) }, (scope, { dx }) =>
    maxPoolGradDisjoint(uploadF32(scope, "x", packActivation(x, [g.n, g.c, g.h, g.w])), uploadF32(scope, "dy", packActivation(dy, [g.n, g.c, g.oh, g.ow])), dx, g, { relu }))).dx;
  const check = async (options: PoolOptions): Promise<void> => {
    const g = poolGeometry("maxPool", options);
    const x = quantised(g.h, g.n * g.c * g.h * g.w);
    const dy = uniform(g.w, g.n * g.c * g.oh * g.ow);
    for (const relu of [false, true]) assert.deepEqual(await run(x, dy, g, relu), packActivation(maxPoolGradReference(x, dy, g, { relu }), [g.n, g.c, g.h, g.w]));
  };

  // One cell; a prime of windows in a row; one under, at and over the 64 windows of an invocation; rows that are no multiple of 8; large.
  for (const options of [
    { n: 1, c: 1, h: 1, w: 1, window: 1 },
    { n: 1, c: 3, h: 2, w: 14, window: 2 },
    { n: 1, c: 4, h: 2, w: 126, window: 2 },
    { n: 1, c: 4, h: 2, w: 128, window: 2 },
    { n: 1, c: 4, h: 2, w: 130, window: 2 },
    { n: 2, c: 8, h: 8, w: 4, window: 2 },
    { n: 1, c: 4, h: 6, w: 33, window: 3 },
    { n: 3, c: 13, h: 16, w: 24, window: 4 },
  ]) it(`matches the reference at ${describePool(options)}`, () => check(options));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 8, h: 20, w: 20, window: 2 })));

  it("takes a ReLU's gradient in the same pass: 0 where the largest cell of a window is not above 0", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 1, h: 2, w: 6, window: 2 });
    const dx = unpackActivation(await run(Float64Array.of(0, 0, -1, -2, 0, 3, 0, 0, -3, -4, 0, 0), Float64Array.of(10, 20, 30), g, true), [1, 1, 2, 6]);
    assert.deepEqual(dx, Float32Array.of(0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0));
  });

  it("gives the gradient of equal cells to the first", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 1, h: 2, w: 4, window: 2 });
    const dx = unpackActivation(await run(Float64Array.of(0, 5, 1, 2, 5, 5, 2, 2), Float64Array.of(10, 20), g), [1, 1, 2, 4]);
    assert.deepEqual(dx, Float32Array.of(0, 10, 0, 20, 0, 0, 0, 0));
  });

  it("repeats to the bit", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 5, h: 8, w: 8, window: 2 });
    const run1 = (): Promise<Float32Array> => run(quantised(8, 320), uniform(7, 80), g);
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses windows that do not tile the image, and short buffers", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const g = poolGeometry("maxPool", { n: 1, c: 1, h: 4, w: 4, window: 2 });
    assert.throws(() => maxPoolGradDisjoint(long, long, long, poolGeometry("maxPool", { n: 1, c: 1, h: 4, w: 4, window: 2, stride: 1 })), { code: "SHAPE_MISMATCH", message: /expected windows that tile 4×4 exactly/ });
    assert.throws(() => maxPoolGradDisjoint(short, long, long, g), { code: "SHAPE_MISMATCH", message: /expected x to hold 64/ });
    assert.throws(() => maxPoolGradDisjoint(long, short, long, g), { code: "SHAPE_MISMATCH", message: /expected dy to hold 16/ });
    assert.throws(() => maxPoolGradDisjoint(long, long, short, g), { code: "SHAPE_MISMATCH", message: /expected dx to hold 64/ });
    scope.dispose();
  });
});
