import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { fillNormal } from "../../../services/engine/kernels/random/fill-normal.ts";
import { fillNormalReference } from "../../../services/engine/reference/random/fill-normal.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { withScope } from "../../support/rows.ts";

const KEY = { seedLow: 0x89abcdef, seedHigh: 0x01234567, draw: 3, stream: 0xfffffff0 };

describe("random/fill-normal", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (images: number[], m: number, draws?: number[]): Promise<Float32Array> => withScope(gpu, async (scope) => {
      const output = canary(scope, "y", images.length * m, -70);
      const steps = [fillNormal(uploadU32(scope, "images", images), output, { n: images.length, m, ...KEY, mean: 0.25, sd: 1.5 }, draws && uploadU32(scope, "draws", draws))];
      return await runChecked(gpu, steps, output, images.length * m, -70);
  });
  const reference = (images: number[], m: number, draws?: number[]): Float32Array => Float32Array.from(fillNormalReference(images, m, { ...KEY, mean: 0.25, sd: 1.5 }, draws));
  const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => (i * 7919 + 0xffff_fff0) >>> 0);

  // Rows of one, a prime, whole and broken blocks; one under, at and over a workgroup's 32 blocks; several rows.
  for (const [n, m] of [[1, 1], [3, 31], [1, 127], [1, 128], [1, 129], [2, 124], [5, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assertClose(await run(ids(n), m), reference(ids(n), m), TOLERANCE.elementwise));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => assertClose(await run(ids(11), 130), reference(ids(11), 130), TOLERANCE.elementwise)));

  it("gives an image the same bits in any batch, row and order", async () => {
    const m = 50;
    const all = await run([40, 7, 7, 100_000, 3], m);
    for (const [row, image] of [[0, 40], [1, 7], [2, 7], [3, 100_000], [4, 3]] as const) {
      assert.deepEqual(await run([image], m), all.slice(row * m, (row + 1) * m), `image ${image}`);
    }
  });

  it("adds the row's draw to the common one", async () => {
    const images = [5, 5, 5];
    const y = await run(images, 20, [0, 1, 0xffff_ffff]);
    assertClose(y, reference(images, 20, [0, 1, 0xffff_ffff]), TOLERANCE.elementwise);
    assert.deepEqual(y.slice(0, 20), await run([5], 20));
    assert.notDeepEqual(y.slice(20, 40), y.slice(0, 20));
  });

  it("has the moments of the standard normal and no correlation between neighbours", () => withScope(gpu, async (scope) => {
    const n = 4;
    const m = 5000;
    const y = scope.tensor("y", [n, m]);
    await runOnce(gpu, "test", [fillNormal(uploadU32(scope, "images", ids(n)), y, { n, m, ...KEY })]); // mean 0, sd 1 by default
    const z = await gpu.readF32(y);
    const mean = (f: (v: number, i: number) => number): number => z.reduce((sum, v, i) => sum + f(v, i), 0) / z.length;
    for (const [k, want, sd] of [[1, 0, 1], [2, 1, Math.sqrt(2)], [3, 0, Math.sqrt(15)], [4, 3, Math.sqrt(96)]] as const) {
      assert.ok(Math.abs(mean((v) => v ** k) - want) < 5 * sd / Math.sqrt(z.length), `moment ${k}`);
    }
    for (const lag of [1, 2, 3]) assert.ok(Math.abs(mean((v, i) => v * z[(i + lag) % z.length]!)) < 5 / Math.sqrt(z.length), `lag ${lag}`);
  }));


  it("repeats to the bit", async () => assert.deepEqual(await run(ids(4), 333), await run(ids(4), 333)));

  it("refuses empty rows, short or mistyped tensors and words that are no u32", () => withScope(gpu, async (scope) => {
    const images = uploadU32(scope, "images", [1, 2]);
    const y = scope.tensor("y", [8]);
    const options = { n: 2, m: 4, ...KEY, mean: 0.25, sd: 1.5 };
    assert.throws(() => fillNormal(images, y, { ...options, m: 0 }), { code: "SHAPE_MISMATCH", message: /random\/fill-normal: expected m/ });
    assert.throws(() => fillNormal(images, y, { ...options, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 10 elements/ });
    assert.throws(() => fillNormal(images, y, { ...options, n: 3, m: 2 }), { code: "SHAPE_MISMATCH", message: /expected images to hold 3/ });
    assert.throws(() => fillNormal(scope.tensor("f", [2]), y, options), { code: "SHAPE_MISMATCH", message: /expected images to be u32, got f32/ });
    assert.throws(() => fillNormal(images, y, options, uploadU32(scope, "draws", [1])), { code: "SHAPE_MISMATCH", message: /expected draws to hold 2/ });
    assert.throws(() => fillNormal(images, y, { ...options, draw: -1 }), { code: "VALUE_RANGE", message: /expected draw to be a u32/ });
    assert.throws(() => fillNormal(images, y, { ...options, seedLow: 2 ** 32 }), { code: "VALUE_RANGE", message: /expected seedLow/ });
    assert.throws(() => fillNormal(images, y, { ...options, sd: -1 }), { code: "VALUE_RANGE", message: /expected sd in/ });
    assert.throws(() => fillNormal(images, y, { ...options, mean: NaN }), { code: "VALUE_RANGE" });
  }));
});
