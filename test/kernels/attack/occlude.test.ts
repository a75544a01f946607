import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { occlude, occlusionGrid } from "../../../services/engine/kernels/attack/occlude.ts";
import { Rng } from "../../../services/common/rng.ts";
import { occludeReference } from "../../../services/engine/reference/attack/occlude.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attack/occlude", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Shape = { images: number; c: number; h: number; w: number; maxCentres: number };
  type Rows = ReturnType<typeof occlusionGrid>;
  const colour = 0.25;
  const inputs = ({ images, c, h, w, maxCentres }: Shape): [Float64Array, Uint32Array] => {
    const rng = new Rng(h * w, images);
    return [uniform(h, images * c * h * w), Uint32Array.from({ length: images * maxCentres }, () => rng.integer(h * w))];
  };
  const run = (shape: Shape, rows: Rows, [x, centres] = inputs(shape)): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = rows.count.length;
    const size = n * shape.c * shape.h * shape.w;
    const y = canary(scope, "y", size, -7);
    const variant = { sourceRow: uploadU32(scope, "source", rows.sourceRow), count: uploadU32(scope, "count", rows.count), radius: uploadU32(scope, "radius", rows.radius) };
    return runChecked(gpu, [occlude(uploadF32(scope, "x", x), uploadU32(scope, "centres", centres), variant, y, { ...shape, rows: n, colour })], y, size, -7);
  });
  const expected = (shape: Shape, { sourceRow, count, radius }: Rows, [x, centres] = inputs(shape)): Float32Array =>
    Float32Array.from(occludeReference(x, centres, sourceRow, count, radius, { ...shape, colour }));

  // One pixel; a prime; one under, at and over a workgroup's 32 pixels; odd and oblong images; CIFAR's.
  for (const [images, c, h, w] of [[1, 1, 1, 1], [2, 3, 7, 5], [1, 1, 1, 31], [1, 2, 4, 8], [1, 1, 3, 11], [2, 3, 32, 32]] as const) {
    it(`matches the reference at [${images}, ${c}, ${h}, ${w}] over a whole grid`, async () => {
      const shape = { images, c, h, w, maxCentres: 4 };
      assert.deepEqual(await run(shape, occlusionGrid(images, 4, 3)), expected(shape, occlusionGrid(images, 4, 3)));
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const shape = { images: 2, c: 2, h: 9, w: 13, maxCentres: 3 };
    assert.deepEqual(await run(shape, occlusionGrid(2, 3, 2)), expected(shape, occlusionGrid(2, 3, 2)));
  }));

  it("paints N squares of side 2r: 4r² pixels each, fewer only where they overlap or the image ends", async () => {
    const shape = { images: 1, c: 1, h: 32, w: 32, maxCentres: 3 };
    const area = async (centres: number[], count: number, radius: number): Promise<number> => {
      const rows = { sourceRow: Uint32Array.of(0), count: Uint32Array.of(count), radius: Uint32Array.of(radius) };
      return (await run(shape, rows, [new Float64Array(1024).fill(0.75), Uint32Array.from(centres)])).filter((v) => v === colour).length;
    };
    const apart = [5 * 32 + 5, 16 * 32 + 16, 26 * 32 + 26];
    assert.equal(await area(apart, 3, 4), 3 * 64);
    assert.equal(await area(apart, 2, 4), 2 * 64);
    assert.equal(await area([0, 0, 0], 3, 4), 16);              // a corner keeps a quarter, painting it again adds nothing
    assert.equal(await area([1023, 0, 0], 1, 4), 25);           // [y-r, y+r) reaches one pixel further up than down
    assert.equal(await area([528, 0, 0], 1, 100), 1024);
    assert.equal(await area(apart, 0, 4), 0);
    assert.equal(await area(apart, 3, 0), 0);
    assert.equal(await area(apart, 99, 1), 3 * 4);              // no more than there are centres
    assert.equal(await area(apart, 1, 0xffff_ffff), 1024);      // a radius beyond any image does not wrap round
  });

  it("orders a grid with the count outside and the radius inside, image by image", () => {
    const { sourceRow, count, radius } = occlusionGrid(2, 2, 3);
    assert.deepEqual([...sourceRow], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    assert.deepEqual([...count], [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
    assert.deepEqual([...radius], [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  it("repeats to the bit", async () => {
    const shape = { images: 2, c: 3, h: 12, w: 12, maxCentres: 5 };
    assert.deepEqual(await run(shape, occlusionGrid(2, 5, 2)), await run(shape, occlusionGrid(2, 5, 2)));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [12]);
    const u = scope.tensor("u", [4], "u32");
    const variant = { sourceRow: u, count: u, radius: u };
    const options = { rows: 1, images: 1, c: 3, h: 2, w: 2, maxCentres: 4, colour: 0 };
    assert.throws(() => occlude(t, u, variant, t, { ...options, h: 0 }), { code: "SHAPE_MISMATCH", message: /attack\/occlude: expected h/ });
    assert.throws(() => occlude(t, u, variant, t, { ...options, rows: 2 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 24/ });
    assert.throws(() => occlude(t, u, variant, t, { ...options, maxCentres: 5 }), { code: "SHAPE_MISMATCH", message: /expected centres to hold 5/ });
    assert.throws(() => occlude(t, t, variant, t, options), { code: "SHAPE_MISMATCH", message: /expected centres to be u32/ });
    assert.throws(() => occlude(t, u, { ...variant, radius: t }, t, options), { code: "SHAPE_MISMATCH", message: /expected radius to be u32/ });
    assert.throws(() => occlude(t, u, variant, t, { ...options, colour: Infinity }), { code: "VALUE_RANGE", message: /expected colour/ });
  }));
});
