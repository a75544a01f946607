import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { BLOCK_MODES, blockCells, blockSums, type BlockMode } from "../../../services/engine/kernels/inequality/block-sums.ts";
import { blockSumsReference } from "../../../services/engine/reference/inequality/block-sums.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("inequality/block-sums", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Shape = { n: number; c: number; h: number; w: number; block: number };
  const run = (map: Float64Array, shape: Shape, mode: BlockMode): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const cells = shape.n * blockCells({ ...shape, mode });
    const y = canary(scope, "y", cells, -7);
    return runChecked(gpu, [blockSums(uploadF32(scope, "map", map), y, { ...shape, mode })], y, cells, -7);
  });
  const mapOf = ({ n, c, h, w }: Shape): Float64Array => uniform(h + w, n * c * h * w);

  // One; primes with broken blocks; a block larger than the image; one under, at and over a workgroup's 8 cells; CIFAR's; 16 × 16.
  for (const [n, c, h, w, block] of [[1, 1, 1, 1, 1], [2, 3, 7, 5, 2], [2, 3, 5, 4, 16], [1, 1, 7, 1, 1], [1, 1, 8, 1, 1], [1, 1, 9, 1, 1], [3, 3, 32, 32, 4], [1, 3, 48, 40, 16]] as const) {
    it(`matches the reference at [${n}, ${c}, ${h}, ${w}] in blocks of ${block}, all modes`, async () => {
      const shape = { n, c, h, w, block };
      for (const mode of BLOCK_MODES) assertClose(await run(mapOf(shape), shape, mode), blockSumsReference(mapOf(shape), shape, mode), TOLERANCE.reduction(c * block * block));
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const shape = { n: 5, c: 2, h: 9, w: 7, block: 2 };
    for (const mode of BLOCK_MODES) assertClose(await run(mapOf(shape), shape, mode), blockSumsReference(mapOf(shape), shape, mode), TOLERANCE.reduction(8));
  }));

  it("keeps the total, and pools less the more sign it keeps: signed ≤ positive ≤ absolute", async () => {
    const shape = { n: 1, c: 3, h: 10, w: 11, block: 4 };
    const map = mapOf(shape);
    const [absolute, positive, signed, channels] = await Promise.all(BLOCK_MODES.map((mode) => run(map, shape, mode)));
    const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v, 0);
    assertClose([total(absolute!), total(channels!)], [total(map.map(Math.abs)), total(map.map(Math.abs))], TOLERANCE.reduction(330));
    assert.equal(channels!.length, 3 * absolute!.length);
    absolute!.forEach((v, i) => assert.ok(signed![i]! <= positive![i]! + 1e-6 && positive![i]! <= v + 1e-6));
    assert.ok(signed!.some((v) => v === 0), "a region of negative sum gives 0");
  });

  it("treats a broken block as if the image were padded with zeros", async () => {
    const shape = { n: 1, c: 1, h: 3, w: 3, block: 2 };
    const padded = { ...shape, h: 4, w: 4 };
    const map = uniform(1, 9);
    const wide = Float64Array.from({ length: 16 }, (_, i) => (i % 4 < 3 && i < 12 ? map[Math.floor(i / 4) * 3 + (i % 4)]! : 0));
    for (const mode of BLOCK_MODES) assert.deepEqual(await run(map, shape, mode), await run(wide, padded, mode));
  });

  it("repeats to the bit, and each image whatever its batch", async () => {
    const shape = { n: 3, c: 3, h: 9, w: 9, block: 4 };
    const all = await run(mapOf(shape), shape, "abs-sum");
    assert.deepEqual(await run(mapOf(shape), shape, "abs-sum"), all);
    assert.deepEqual(await run(mapOf(shape).slice(243, 486), { ...shape, n: 1 }, "abs-sum"), all.slice(9, 18));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const shape = { n: 1, c: 1, h: 2, w: 2, block: 1, mode: "abs-sum" as const };
    assert.throws(() => blockSums(t, t, { ...shape, block: 0 }), { code: "SHAPE_MISMATCH", message: /inequality\/block-sums: expected block/ });
    assert.throws(() => blockSums(t, t, { ...shape, h: 3 }), { code: "SHAPE_MISMATCH", message: /expected map to hold 6/ });
    assert.throws(() => blockSums(t, scope.tensor("y", [3]), shape), { code: "SHAPE_MISMATCH", message: /expected y to hold 4/ });
  }));
});
