import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { noisePoint } from "../../../services/engine/kernels/attribution/noise-point.ts";
import { noisePointReference } from "../../../services/engine/reference/attribution/noise-point.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attribution/noise-point", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, sourceRow: number[], z: Float64Array, images: number, scale = 0.2): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const [n, m] = [sourceRow.length, x.length / images];
    const y = canary(scope, "y", n * m, -7);
    const step = noisePoint(uploadF32(scope, "x", x), uploadU32(scope, "source", sourceRow), uploadF32(scope, "z", z), y, { n, m, images, scale });
    return runChecked(gpu, [step], y, n * m, -7);
  });
  const inputs = (n: number, m: number, images: number): [Float64Array, number[], Float64Array] => [uniform(1, images * m), Array.from({ length: n }, (_, j) => (j * 5) % images), uniform(3, n * m, 3)];

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m, images] of [[1, 1, 1], [3, 7, 2], [1, 63, 1], [2, 32, 2], [5, 13, 3], [1, 260, 1], [7, 1001, 3], [20, 3072, 2]] as const) {
    it(`matches the reference at [${n}, ${m}] of ${images} images`, async () => {
      const [x, source, z] = inputs(n, m, images);
      assertClose(await run(x, source, z, images), noisePointReference(x, source, z, 0.2), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [x, source, z] = inputs(11, 90, 4);
    assertClose(await run(x, source, z, 4), noisePointReference(x, source, z, 0.2), TOLERANCE.elementwise);
  }));

  it("copies the image for scale 0 and does not clip for a large one", async () => {
    const [x, , z] = inputs(1, 40, 1);
    assert.deepEqual(await run(x, [0], z, 1, 0), Float32Array.from(x));
    assert.ok((await run(x, [0], z, 1, 10)).some((v) => v > 5));
  });

  it("repeats to the bit", async () => {
    const [x, source, z] = inputs(9, 333, 3);
    assert.deepEqual(await run(x, source, z, 3), await run(x, source, z, 3));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const u = scope.tensor("u", [4], "u32");
    assert.throws(() => noisePoint(t, u, t, t, { n: 1, m: 0, images: 1, scale: 1 }), { code: "SHAPE_MISMATCH", message: /attribution\/noise-point: expected m/ });
    assert.throws(() => noisePoint(t, u, t, t, { n: 2, m: 4, images: 1, scale: 1 }), { code: "SHAPE_MISMATCH", message: /expected noise to hold 8/ });
    assert.throws(() => noisePoint(t, t, t, t, { n: 1, m: 4, images: 1, scale: 1 }), { code: "SHAPE_MISMATCH", message: /expected sourceRow to be u32/ });
    assert.throws(() => noisePoint(t, u, t, t, { n: 1, m: 4, images: 1, scale: NaN }), { code: "VALUE_RANGE", message: /expected scale/ });
  }));
});
