import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, pad4 } from "../../../services/engine/graph/layout.ts";
import { poolGeometry, type PoolGeometry, type PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { maxPool } from "../../../services/engine/kernels/pool/max-pool.ts";
import { maxPoolReference } from "../../../services/engine/reference/pool/max-pool.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describePool, dilatedCases, poolCases } from "./cases.ts";

describe("pool/max-pool", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical output, padding lanes included. */
  const run = async (x: Float64Array, g: PoolGeometry): Promise<Float32Array> => {
    const packed = packActivation(x, [g.n, g.c, g.h, g.w]);
    return (await launch(gpu, { y: g.n * g.oh * g.ow * pad4(g.c) }, (scope, { y }) => maxPool(uploadF32(scope, "x", packed), y, g))).y;
  };
  const check = async (options: PoolOptions): Promise<void> => {
    const g = poolGeometry("maxPool", options);
    const x = uniform(g.h, g.n * g.c * g.h * g.w);
    assert.deepEqual(await run(x, g), packActivation(maxPoolReference(x, g), [g.n, g.c, g.oh, g.ow]));
  };

  // One under, at and over the 64 windows that an invocation takes.
  const rows = [63, 64, 65].map((w): PoolOptions => ({ n: 1, c: 5, h: 3, w, window: 3, stride: 1, padding: 1 }));
  for (const options of [...poolCases, ...dilatedCases, ...rows]) it(`matches the reference at ${describePool(options)}`, () => check(options));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 8, h: 20, w: 20, window: 2 })));

  it("rounds up only while the last window starts in the image or the padding before it", () => {
    const side = (h: number, window: number, stride: number, padding: number): number => poolGeometry("maxPool", { n: 1, c: 1, h, w: h, window, stride, padding, ceilMode: true }).oh;
    assert.deepEqual([side(7, 3, 2, 0), side(8, 3, 2, 0), side(5, 2, 4, 1), side(4, 2, 4, 0), side(6, 2, 5, 1)], [3, 4, 2, 1, 2]);
    assert.equal(side(4, 1, 3, 0), 2);
    assert.equal(side(3, 1, 3, 0), 1); // a second window would start at 3, beyond the image
  });

  it("never lets a cell outside the image win", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 4, h: 4, w: 4, window: 3, stride: 1, padding: 1 });
    const x = new Float64Array(64).fill(-3);
    assert.deepEqual(await run(x, g), new Float32Array(64).fill(-3));
  });

  it("commutes with increasing functions", async () => {
    const g = poolGeometry("maxPool", { n: 2, c: 4, h: 9, w: 7, window: 3, stride: 2 });
    const x = uniform(4, 2 * 4 * 63);
    const doubled = await run(x.map((v) => 2 * v), g);
    assert.deepEqual(doubled, (await run(x, g)).map((v) => 2 * v));
  });

  it("repeats to the bit", async () => {
    const g = poolGeometry("maxPool", { n: 2, c: 4, h: 9, w: 7, window: 3, stride: 2 });
    const x = uniform(4, 2 * 4 * 63);
    assert.deepEqual(await run(x, g), await run(x, g));
  });

  it("refuses impossible geometries and short buffers by name", () => {
    const scope = gpu.scope("test");
    const t = scope.tensor("t", [4]);
    const base = { n: 1, c: 1, h: 4, w: 4, window: 2 };
    for (const [wrong, message] of [
      [{ n: 0 }, /maxPool: expected n to be a positive integer, got 0/],
      [{ window: 5 }, /maxPool: expected a window within the padded image 4×4, got 5×5/],
      [{ window: [2, 9] }, /got 2×9/],
      [{ dilation: [1, 4] }, /got 2×5/],
      [{ dilation: 0 }, /maxPool: expected dilation to be a positive integer, got 0/],
      [{ padding: 2 }, /maxPool: expected padding that leaves every window a cell of the image, got padding 2 with windows of 2×2 on 4×4/],
      [{ padding: [0, 0, 0, 2], stride: 1 }, /got padding 0,0,0,2 with/],
      [{ h: 1, padding: 1, dilation: 2 }, /got padding 1 with windows of 2×2 on 1×4/],
      [{ padding: -1 }, /maxPool: expected padding to be integers ≥ 0, got -1/],
      [{ stride: 2 ** 30 }, /maxPool: expected padded sides, strides and dilations of at most 268435456, got 1073741824/],
      [{ stride: 1.5 }, /expected stride to be a positive integer, got 1.5/],
    ] as const) assert.throws(() => poolGeometry("maxPool", { ...base, ...wrong }), { code: "SHAPE_MISMATCH", message });
    assert.throws(() => maxPool(t, t, { ...poolGeometry("maxPool", base), oh: 3 }), { code: "SHAPE_MISMATCH", message: /maxPool: expected an output of 2×2, got 3×2/ });
    assert.throws(() => maxPool(t, t, poolGeometry("maxPool", base)), { code: "SHAPE_MISMATCH", message: /pool\/max-pool: expected x to hold 64 elements, got 4/ });
    const x = scope.tensor("x", [64]);
    assert.throws(() => maxPool(x, t, poolGeometry("maxPool", base)), { code: "SHAPE_MISMATCH", message: /expected y to hold 16/ });
    scope.dispose();
  });
});
