import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { l2Start } from "../../../services/engine/kernels/attack/l2-start.ts";
import { l2StartReference } from "../../../services/engine/reference/attack/l2-start.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

const KEY = { seedLow: 0x89abcdef, seedHigh: 0x01234567, draw: 3, stream: 7, epsilon: Math.fround(0.5 / 2) };

describe("attack/l2-start", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x0: Float64Array, images: number[], draws?: number[]): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = canary(scope, "x", x0.length, -7);
    const options = { n: images.length, m: x0.length / images.length, ...KEY };
    const steps = l2Start(uploadF32(scope, "x0", x0), uploadU32(scope, "images", images), output, scope.tensor("norm", [images.length]), options, draws && uploadU32(scope, "draws", draws));
    return runChecked(gpu, steps, output, x0.length, -7);
  });
  const clean = (n: number, m: number): Float64Array => uniform(n * m, n * m).map((v) => Math.fround((v + 1) / 2));
  const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => (i * 7919 + 0xffff_fff0) >>> 0);

  for (const [n, m] of [[1, 1], [3, 31], [1, 63], [1, 64], [1, 65], [2, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const x0 = clean(n, m);
      assertClose(await run(x0, ids(n)), l2StartReference(x0, ids(n), KEY), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid and adds the rows' draws", () => withGridLimit(gpu, 3, async () => {
    const x0 = clean(11, 130);
    const draws = ids(11).reverse();
    assertClose(await run(x0, ids(11), draws), l2StartReference(x0, ids(11), KEY, draws), TOLERANCE.elementwise);
  }));

  it("gives an image the same bits in any batch", async () => {
    const x0 = clean(4, 50);
    const all = await run(x0, [9, 2, 77, 2]);
    for (const [row, image] of [9, 2, 77, 2].entries()) {
      assert.deepEqual(await run(x0.slice(row * 50, row * 50 + 50), [image]), all.slice(row * 50, row * 50 + 50));
    }
  });

  it("is uniform in the ball: radius^m is uniform and no direction is preferred", async () => {
    const n = 2000;
    const m = 3;
    const y = await run(new Float64Array(n * m).fill(0.5), Array.from({ length: n }, (_, i) => i));
    const filled: number[] = [];
    const mean = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const d = [0, 1, 2].map((c) => (y[i * m + c]! - 0.5) / KEY.epsilon);
      filled.push(Math.hypot(...d) ** m);
      d.forEach((v, c) => { mean[c]! += v / n; });
    }
    assert.ok(filled.every((v) => v <= 1 + 1e-5));
    assert.ok(Math.abs(filled.reduce((sum, v) => sum + v / n, 0) - 0.5) < 5 * Math.sqrt(1 / 12 / n)); // radius u, not u^(1/m), would give 0.25
    for (const v of mean) assert.ok(Math.abs(v) < 5 * Math.sqrt(1 / 5 / n), `mean ${v}`);
  });

  it("stays in the ball and in [0, 1] at the edges of the range", async () => {
    const x0 = Float64Array.from({ length: 600 }, (_, i) => i % 2);
    const y = await run(x0, [1, 2]);
    assert.ok(y.every((v) => v >= 0 && v <= 1));
    for (const row of [0, 1]) assert.ok(Math.hypot(...[...y].slice(row * 300, row * 300 + 300).map((v, c) => v - x0[row * 300 + c]!)) <= KEY.epsilon * (1 + 1e-5));
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(clean(3, 333), ids(3)), await run(clean(3, 333), ids(3))));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [8]);
    const images = uploadU32(scope, "images", [1, 2]);
    assert.throws(() => l2Start(t, images, t, t, { ...KEY, n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /attack\/l2-start: expected n/ });
    assert.throws(() => l2Start(t, images, t, scope.tensor("norm", [1]), { ...KEY, n: 2, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected norm to hold 2/ });
    assert.throws(() => l2Start(t, images, t, t, { ...KEY, n: 2, m: 4, epsilon: NaN }), { code: "VALUE_RANGE", message: /expected epsilon/ });
  }));
});
