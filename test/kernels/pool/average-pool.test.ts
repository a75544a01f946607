import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, pad4, unpackActivation } from "../../../services/engine/graph/layout.ts";
import { averagePool } from "../../../services/engine/kernels/pool/average-pool.ts";
import { poolGeometry, type PoolGeometry, type PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { averagePoolReference } from "../../../services/engine/reference/pool/average-pool.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describePool, poolCases } from "./cases.ts";

describe("pool/average-pool", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical output, padding lanes included. */
  const run = async (x: Float64Array, g: PoolGeometry): Promise<Float32Array> => {
    const packed = packActivation(x, [g.n, g.c, g.h, g.w]);
    return (await launch(gpu, { y: g.n * g.oh * g.ow * pad4(g.c) }, (scope, { y }) => averagePool(uploadF32(scope, "x", packed), y, g))).y;
  };
  const check = async (options: PoolOptions): Promise<void> => {
    const g = poolGeometry("averagePool", options);
    const x = uniform(g.h, g.n * g.c * g.h * g.w);
    assertClose(await run(x, g), packActivation(averagePoolReference(x, g), [g.n, g.c, g.oh, g.ow]), TOLERANCE.elementwise);
  };

  for (const options of poolCases) for (const countIncludePad of [true, false]) {
    it(`matches the reference at ${describePool(options)}, countIncludePad ${countIncludePad}`, () => check({ ...options, countIncludePad }));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 4, c: 8, h: 20, w: 20, window: 2 })));

  it("keeps a constant where only cells of the image count, and fades it at the border where padding counts", async () => {
    const options = { n: 1, c: 1, h: 4, w: 4, window: 3, stride: 3, padding: 1 };
    const x = new Float64Array(16).fill(9);
    const inside = poolGeometry("averagePool", { ...options, countIncludePad: false });
    assert.deepEqual(unpackActivation(await run(x, inside), [1, 1, 2, 2]), Float32Array.of(9, 9, 9, 9));
    const whole = poolGeometry("averagePool", options); // corner windows hold 4 of 9 cells
    assert.deepEqual(unpackActivation(await run(x, whole), [1, 1, 2, 2]), Float32Array.of(4, 4, 4, 4));
  });

  it("counts padding but not what a window rounded up reaches beyond it", async () => {
    const options = { n: 1, c: 1, h: 5, w: 5, window: 2, stride: 4, padding: 1, ceilMode: true }; // of the last window one cell lies inside the image, and the padding
    const x = new Float64Array(25).fill(8);
    assert.deepEqual(unpackActivation(await run(x, poolGeometry("averagePool", options)), [1, 1, 2, 2]), Float32Array.of(2, 4, 4, 8));
    const higher = poolGeometry("averagePool", { n: 1, c: 1, h: 3, w: 1, window: [2, 1], stride: 2, ceilMode: true }); // its last window: one cell of the image, one of nothing
    assert.deepEqual(unpackActivation(await run(Float64Array.of(1, 3, 8), higher), [1, 1, 2, 1]), Float32Array.of(2, 8));
  });

  it("is global average pooling with a window of the whole image", async () => {
    const g = poolGeometry("averagePool", { n: 2, c: 3, h: 5, w: 7, window: [5, 7] });
    const x = uniform(3, 210);
    const means = Float64Array.from({ length: 6 }, (_, i) => x.subarray(i * 35, (i + 1) * 35).reduce((sum, v) => sum + v, 0) / 35);
    assert.deepEqual([g.oh, g.ow], [1, 1]);
    assertClose(unpackActivation(await run(x, g), [2, 3, 1, 1]), means, TOLERANCE.elementwise);
  });

  it("repeats to the bit", async () => {
    const g = poolGeometry("averagePool", { n: 2, c: 4, h: 9, w: 7, window: 3, stride: 2 });
    const x = uniform(4, 2 * 4 * 63);
    assert.deepEqual(await run(x, g), await run(x, g));
  });

  it("refuses impossible geometries and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const g = poolGeometry("averagePool", { n: 1, c: 1, h: 4, w: 4, window: 2 });
    assert.throws(() => poolGeometry("averagePool", { n: 1, c: 1, h: 4, w: 4, window: 6 }), { code: "SHAPE_MISMATCH", message: /averagePool: expected a window within/ });
    assert.throws(() => averagePool(long, long, { ...g, oh: 4 }), { code: "SHAPE_MISMATCH", message: /averagePool: expected an output of 2×2, got 4×2/ });
    assert.throws(() => averagePool(short, long, g), { code: "SHAPE_MISMATCH", message: /expected x to hold 64/ });
    assert.throws(() => averagePool(long, short, g), { code: "SHAPE_MISMATCH", message: /expected y to hold 16/ });
    scope.dispose();
  });
});
