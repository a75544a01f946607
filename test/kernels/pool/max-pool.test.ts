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
import { describePool, poolCases } from "./cases.ts";

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
  for (const options of [...poolCases, ...rows]) it(`matches the reference at ${describePool(options)}`, () => check(options));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 8, h: 20, w: 20, window: 2 })));

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
      [{ windowWidth: 9 }, /got 2×9/],
      [{ padding: 2 }, /maxPool: expected padding in \[0, half of the window 2×2\], got 2/],
      [{ padding: -1 }, /got -1/],
      [{ stride: 1.5 }, /expected stride to be a positive integer, got 1.5/],
    ] as const) assert.throws(() => poolGeometry("maxPool", { ...base, ...wrong }), { code: "SHAPE_MISMATCH", message });
    assert.throws(() => maxPool(t, t, { ...poolGeometry("maxPool", base), oh: 3 }), { code: "SHAPE_MISMATCH", message: /maxPool: expected an output of 2×2, got 3×2/ });
    assert.throws(() => maxPool(t, t, poolGeometry("maxPool", base)), { code: "SHAPE_MISMATCH", message: /pool\/max-pool: expected x to hold 64 elements, got 4/ });
    const x = scope.tensor("x", [64]);
    assert.throws(() => maxPool(x, t, poolGeometry("maxPool", base)), { code: "SHAPE_MISMATCH", message: /expected y to hold 16/ });
    scope.dispose();
  });
});
