import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { fillBits } from "../../../services/engine/kernels/random/fill-bits.ts";
import { fillBitsReference } from "../../../services/engine/reference/random/fill-bits.ts";
import { closeTestGpu, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { canaryU32, runCheckedU32, withScope } from "../../support/rows.ts";

const KEY = { seedLow: 0x89abcdef, seedHigh: 0x01234567, draw: 3, stream: 0xfffffff0 };

describe("random/fill-bits", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (images: number[], m: number, draws?: number[]): Promise<Uint32Array> => withScope(gpu, async (scope) => {
      const output = canaryU32(scope, "y", images.length * m);
      const steps = [fillBits(uploadU32(scope, "images", images), output, { n: images.length, m, ...KEY }, draws && uploadU32(scope, "draws", draws))];
      return await runCheckedU32(gpu, steps, output, images.length * m);
  });
  const reference = (images: number[], m: number, draws?: number[]): Uint32Array => Uint32Array.from(fillBitsReference(images, m, { ...KEY }, draws));
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

  it("sets each of the 32 bits in half of the words", async () => {
    const words = await run(ids(4), 2500);
    for (let bit = 0; bit < 32; bit++) {
      const ones = words.reduce((sum, w) => sum + ((w >>> bit) & 1), 0);
      assert.ok(Math.abs(ones - 5000) < 250, `bit ${bit}: ${ones} of 10000`); // 5 standard deviations
    }
  });


  it("repeats to the bit", async () => assert.deepEqual(await run(ids(4), 333), await run(ids(4), 333)));

  it("refuses empty rows, short or mistyped tensors and words that are no u32", () => withScope(gpu, async (scope) => {
    const images = uploadU32(scope, "images", [1, 2]);
    const y = scope.tensor("y", [8], "u32");
    const options = { n: 2, m: 4, ...KEY };
    assert.throws(() => fillBits(images, y, { ...options, m: 0 }), { code: "SHAPE_MISMATCH", message: /random\/fill-bits: expected m/ });
    assert.throws(() => fillBits(images, y, { ...options, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 10 elements/ });
    assert.throws(() => fillBits(images, y, { ...options, n: 3, m: 2 }), { code: "SHAPE_MISMATCH", message: /expected images to hold 3/ });
    assert.throws(() => fillBits(scope.tensor("f", [2]), y, options), { code: "SHAPE_MISMATCH", message: /expected images to be u32, got f32/ });
    assert.throws(() => fillBits(images, y, options, uploadU32(scope, "draws", [1])), { code: "SHAPE_MISMATCH", message: /expected draws to hold 2/ });
    assert.throws(() => fillBits(images, y, { ...options, draw: -1 }), { code: "VALUE_RANGE", message: /expected draw to be a u32/ });
    assert.throws(() => fillBits(images, y, { ...options, seedLow: 2 ** 32 }), { code: "VALUE_RANGE", message: /expected seedLow/ });
    assert.throws(() => fillBits(images, scope.tensor("f", [8]), options), { code: "SHAPE_MISMATCH", message: /expected y to be u32/ });
  }));
});
