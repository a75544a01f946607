import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { linfStart } from "../../../services/engine/kernels/attack/linf-start.ts";
import { linfStartReference } from "../../../services/engine/reference/attack/linf-start.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

const KEY = { seedLow: 0x89abcdef, seedHigh: 0x01234567, draw: 3, stream: 7, epsilon: Math.fround(8 / 255) };

describe("attack/linf-start", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x0: Float64Array, images: number[], draws?: number[]): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = canary(scope, "x", x0.length, -7);
    const options = { n: images.length, m: x0.length / images.length, ...KEY };
    const steps = [linfStart(uploadF32(scope, "x0", x0), uploadU32(scope, "images", images), output, options, draws && uploadU32(scope, "draws", draws))];
    return runChecked(gpu, steps, output, x0.length, -7);
  });
  const clean = (n: number, m: number): Float64Array => uniform(n * m, n * m).map((v) => Math.fround((v + 1) / 2));
  const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => (i * 7919 + 0xffff_fff0) >>> 0);

  for (const [n, m] of [[1, 1], [3, 31], [1, 127], [1, 128], [1, 129], [2, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const x0 = clean(n, m);
      assertClose(await run(x0, ids(n)), linfStartReference(x0, ids(n), KEY), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid and adds the rows' draws", () => withGridLimit(gpu, 3, async () => {
    const x0 = clean(11, 130);
    const draws = ids(11).reverse();
    assertClose(await run(x0, ids(11), draws), linfStartReference(x0, ids(11), KEY, draws), TOLERANCE.elementwise);
  }));

  it("gives an image the same bits in any batch", async () => {
    const x0 = clean(4, 50);
    const all = await run(x0, [9, 2, 77, 2]);
    for (const [row, image] of [9, 2, 77, 2].entries()) {
      assert.deepEqual(await run(x0.slice(row * 50, row * 50 + 50), [image]), all.slice(row * 50, row * 50 + 50));
    }
  });

  it("fills the box evenly where the pixel range does not cut it", async () => {
    const m = 4000;
    const x0 = new Float64Array(m).fill(0.5);
    const deltas = (await run(x0, [1])).map((v) => (v - 0.5) / KEY.epsilon);
    for (let fifth = 0; fifth < 5; fifth++) {
      const count = deltas.filter((d) => Math.floor(((d + 1) / 2) * 5) === fifth).length;
      assert.ok(Math.abs(count - m / 5) < 130, `${fifth}: ${count}`); // 5 standard deviations
    }
  });

  it("stays in the box and in [0, 1] at the edges of the range", async () => {
    const x0 = Float64Array.from({ length: 1000 }, (_, i) => i % 2);
    (await run(x0, [1])).forEach((v, i) => assert.ok(v >= 0 && v <= 1 && Math.abs(v - x0[i]!) <= KEY.epsilon + 2 ** -24));
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(clean(3, 333), ids(3)), await run(clean(3, 333), ids(3))));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [8]);
    const images = uploadU32(scope, "images", [1, 2]);
    assert.throws(() => linfStart(t, images, t, { ...KEY, n: 2, m: 0 }), { code: "SHAPE_MISMATCH", message: /expected m/ });
    assert.throws(() => linfStart(t, images, t, { ...KEY, n: 2, m: 5 }), { code: "SHAPE_MISMATCH", message: /attack\/linf-start: expected x0 to hold 10/ });
    assert.throws(() => linfStart(t, t, t, { ...KEY, n: 2, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected images to be u32/ });
    assert.throws(() => linfStart(t, images, t, { ...KEY, n: 2, m: 4, epsilon: -1 }), { code: "VALUE_RANGE", message: /expected epsilon/ });
    assert.throws(() => linfStart(t, images, t, { ...KEY, n: 2, m: 4, stream: 0.5 }), { code: "VALUE_RANGE", message: /expected stream to be a u32/ });
  }));
});
