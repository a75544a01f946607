import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { fillUniform } from "../../../services/engine/kernels/random/fill-uniform.ts";
import { fillUniformReference } from "../../../services/engine/reference/random/fill-uniform.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { withScope } from "../../support/rows.ts";

const KEY = { seedLow: 0x89abcdef, seedHigh: 0x01234567, draw: 3, stream: 0xfffffff0 };

describe("random/fill-uniform", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (images: number[], m: number, draws?: number[]): Promise<Float32Array> => withScope(gpu, async (scope) => {
      const output = canary(scope, "y", images.length * m, -7);
      const steps = [fillUniform(uploadU32(scope, "images", images), output, { n: images.length, m, ...KEY, low: 0, high: 1 }, draws && uploadU32(scope, "draws", draws))];
      return await runChecked(gpu, steps, output, images.length * m, -7);
  });
  const reference = (images: number[], m: number, draws?: number[]): Float32Array => Float32Array.from(fillUniformReference(images, m, { ...KEY, low: 0, high: 1 }, draws));
  const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => (i * 7919 + 0xffff_fff0) >>> 0);

  // Rows of one, a prime, whole and broken blocks; one under, at and over a workgroup's 32 blocks; several rows.
  for (const [n, m] of [[1, 1], [3, 31], [1, 127], [1, 128], [1, 129], [2, 124], [5, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assert.deepEqual(await run(ids(n), m), reference(ids(n), m)));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => assert.deepEqual(await run(ids(11), 130), reference(ids(11), 130))));

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
    assert.deepEqual(y, reference(images, 20, [0, 1, 0xffff_ffff]));
    assert.deepEqual(y.slice(0, 20), await run([5], 20));
    assert.notDeepEqual(y.slice(20, 40), y.slice(0, 20));
  });

  it("fills [low, high) evenly: each tenth gets its share", async () => {
    const y = await run(ids(4), 2500);
    assert.ok(y.every((v) => v >= 0 && v < 1));
    for (let tenth = 0; tenth < 10; tenth++) {
      const count = y.filter((v) => Math.floor(v * 10) === tenth).length;
      assert.ok(Math.abs(count - 1000) < 150, `${tenth}: ${count}`); // 5 standard deviations
    }
  });

  it("scales to another range and takes parameters at run time", () => withScope(gpu, async (scope) => {
    const high = new Dynamic("high");
    const draw = new Dynamic("draw");
    const y = canary(scope, "y", 60, -7);
    const step = fillUniform(uploadU32(scope, "images", [1, 2]), y, { n: 2, m: 30, ...KEY, draw, low: -0.5, high });
    await runOnce(gpu, "test", [step], new Map([[high, 2.5], [draw, 9]]));
    const want = fillUniformReference([1, 2], 30, { ...KEY, draw: 9, low: -0.5, high: 2.5 });
    assertClose((await gpu.readF32(y)).slice(0, 60), want, TOLERANCE.elementwise);
  }));


  it("repeats to the bit", async () => assert.deepEqual(await run(ids(4), 333), await run(ids(4), 333)));

  it("refuses empty rows, short or mistyped tensors and words that are no u32", () => withScope(gpu, async (scope) => {
    const images = uploadU32(scope, "images", [1, 2]);
    const y = scope.tensor("y", [8]);
    const options = { n: 2, m: 4, ...KEY, low: 0, high: 1 };
    assert.throws(() => fillUniform(images, y, { ...options, m: 0 }), { code: "SHAPE_MISMATCH", message: /random\/fill-uniform: expected m/ });
    assert.throws(() => fillUniform(images, y, { ...options, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 10 elements/ });
    assert.throws(() => fillUniform(images, y, { ...options, n: 3, m: 2 }), { code: "SHAPE_MISMATCH", message: /expected images to hold 3/ });
    assert.throws(() => fillUniform(scope.tensor("f", [2]), y, options), { code: "SHAPE_MISMATCH", message: /expected images to be u32, got f32/ });
    assert.throws(() => fillUniform(images, y, options, uploadU32(scope, "draws", [1])), { code: "SHAPE_MISMATCH", message: /expected draws to hold 2/ });
    assert.throws(() => fillUniform(images, y, { ...options, draw: -1 }), { code: "VALUE_RANGE", message: /expected draw to be a u32/ });
    assert.throws(() => fillUniform(images, y, { ...options, seedLow: 2 ** 32 }), { code: "VALUE_RANGE", message: /expected seedLow/ });
    assert.throws(() => fillUniform(images, y, { ...options, low: 2 }), { code: "VALUE_RANGE", message: /expected low in/ });
    assert.throws(() => fillUniform(images, y, { ...options, high: NaN }), { code: "VALUE_RANGE" });
  }));
});
