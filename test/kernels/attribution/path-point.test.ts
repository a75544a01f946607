import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pathPoint } from "../../../services/engine/kernels/attribution/path-point.ts";
import { pathPointReference } from "../../../services/engine/reference/attribution/path-point.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attribution/path-point", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, b: Float64Array, sourceRow: number[], alpha: Float64Array, images: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const [n, m] = [alpha.length, x.length / images];
    const y = canary(scope, "y", n * m, -7);
    const step = pathPoint(uploadF32(scope, "x", x), uploadF32(scope, "b", b), uploadU32(scope, "source", sourceRow), uploadF32(scope, "alpha", alpha), y, { n, m, images });
    return runChecked(gpu, [step], y, n * m, -7);
  });
  const inputs = (n: number, m: number, images: number): [Float64Array, Float64Array, number[], Float64Array] => [
    uniform(1, images * m), uniform(2, images * m), Array.from({ length: n }, (_, j) => (j * 5) % images), uniform(3, n),
  ];

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m, images] of [[1, 1, 1], [3, 7, 2], [1, 63, 1], [2, 32, 2], [5, 13, 3], [1, 260, 1], [7, 1001, 3], [20, 3072, 2]] as const) {
    it(`matches the reference at [${n}, ${m}] of ${images} images`, async () => {
      const [x, b, source, alpha] = inputs(n, m, images);
      assertClose(await run(x, b, source, alpha, images), pathPointReference(x, b, source, alpha, m), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [x, b, source, alpha] = inputs(11, 90, 4);
    assertClose(await run(x, b, source, alpha, 4), pathPointReference(x, b, source, alpha, 90), TOLERANCE.elementwise);
  }));

  it("begins at the baseline, ends at the image and is straight between", async () => {
    const [x, b] = inputs(1, 40, 1);
    const [zero, half, one] = [0, 0.5, 1].map((alpha) => run(x, b, [0], Float64Array.of(alpha), 1));
    assert.deepEqual(await zero, Float32Array.from(b));
    assertClose((await one)!, x, { atol: 1e-7, rtol: 0 });
    assertClose((await half)!, x.map((v, i) => (v + b[i]!) / 2), { atol: 1e-7, rtol: 0 });
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const [x, b, source, alpha] = inputs(9, 333, 3);
    const all = await run(x, b, source, alpha, 3);
    assert.deepEqual(await run(x, b, source, alpha, 3), all);
    assert.deepEqual(await run(x, b, [source[4]!], alpha.slice(4, 5), 3), all.slice(4 * 333, 5 * 333));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const u = scope.tensor("u", [4], "u32");
    assert.throws(() => pathPoint(t, t, u, t, t, { n: 0, m: 1, images: 1 }), { code: "SHAPE_MISMATCH", message: /attribution\/path-point: expected n/ });
    assert.throws(() => pathPoint(t, t, u, t, t, { n: 1, m: 4, images: 2 }), { code: "SHAPE_MISMATCH", message: /expected x to hold 8/ });
    assert.throws(() => pathPoint(t, t, t, t, t, { n: 1, m: 4, images: 1 }), { code: "SHAPE_MISMATCH", message: /expected sourceRow to be u32/ });
  }));
});
