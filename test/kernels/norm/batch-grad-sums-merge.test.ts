import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { mergeGradSums } from "../../../services/engine/kernels/norm/batch-grad-sums-merge.ts";
import { sliceElements, slicesOf } from "../../../services/engine/kernels/norm/channels.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

// What the parts hold is checked in batch-grad-sums.test.ts; here only that every slice is added once, to the right sum.
describe("norm/batch-grad-sums-merge", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Random parts [slices, 2, C] and the two sums over slices. */
  const partsOf = (rows: number, c: number): { parts: Float64Array; sumDy: Float32Array; sumDyXhat: Float32Array } => {
    const C = pad4(c);
    const parts = uniform(rows, sliceElements("test", { rows, c })).map((v, i) => (i % C < c ? v : 0));
    const total = (half: number): Float32Array => packVector(Array.from({ length: c }, (_, k) =>
      Array.from({ length: slicesOf(rows).slices }, (_, s) => parts[(s * 2 + half) * C + k]!).reduce((sum, v) => sum + v, 0)));
    return { parts, sumDy: total(0), sumDyXhat: total(1) };
  };
  /** The scratch tensor is longer than needed, as one shared by several layers may be: what follows the parts must not count. */
  const run = (parts: Float64Array, rows: number, c: number): Promise<{ sumDy: Float32Array; sumDyXhat: Float32Array }> =>
    launch(gpu, { sumDy: pad4(c), sumDyXhat: pad4(c) }, (scope, t) => mergeGradSums(uploadF32(scope, "parts", [...parts, ...new Array<number>(2 * pad4(c)).fill(99)]), t.sumDy, t.sumDyXhat, { rows, c }));
  const check = async (rows: number, c: number): Promise<void> => {
    const { parts, ...expected } = partsOf(rows, c);
    const sums = await run(parts, rows, c);
    assertClose(sums.sumDy, expected.sumDy, TOLERANCE.reduction(slicesOf(rows).slices));
    assertClose(sums.sumDyXhat, expected.sumDyXhat, TOLERANCE.reduction(slicesOf(rows).slices));
  };

  // One; primes; one under, at and over a workgroup's 32 channels; large.
  for (const [rows, c] of [[1, 1], [7, 5], [101, 28], [100, 32], [99, 33], [50_000, 67]] as const) {
    it(`adds all slices at [${rows}, ${c}]`, () => check(rows, c));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(10, 200)));

  it("cuts rows into slices that cover them all and are never empty", () => {
    for (let rows = 1; rows < 400; rows++) {
      const { sliceRows, slices } = slicesOf(rows);
      assert.ok(slices * sliceRows >= rows && (slices - 1) * sliceRows < rows, `${rows} rows`);
    }
  });

  it("repeats to the bit", async () => {
    const { parts } = partsOf(600, 5);
    assert.deepEqual(await run(parts, 600, 5), await run(parts, 600, 5));
  });

  it("refuses an empty shape and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [128])];
    const shape = { rows: 5, c: 5 };
    assert.throws(() => mergeGradSums(long, long, long, { rows: 5, c: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-grad-sums-merge: expected c/ });
    assert.throws(() => mergeGradSums(short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected parts to hold 32/ });
    assert.throws(() => mergeGradSums(long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected sumDy to hold 8/ });
    assert.throws(() => mergeGradSums(long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected sumDyXhat to hold 8/ });
    scope.dispose();
  });
});
