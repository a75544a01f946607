import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { ROW_CHECK, rowCheck } from "../../../services/engine/kernels/reduce/row-check.ts";
import { rowCheckReference } from "../../../services/engine/reference/reduce/row-check.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("reduce/row-check", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, x0: Float64Array, m: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = x.length / m;
    const y = canary(scope, "y", n * 8, -7);
    return runChecked(gpu, [rowCheck(uploadF32(scope, "x", x), uploadF32(scope, "x0", x0), y, { n, m })], y, n * 8, -7);
  });

  // One; a prime; one under, at and over the 64 invocations and the 1024 columns of one block; many rows.
  for (const [n, m] of [[1, 1], [3, 7], [2, 63], [2, 64], [2, 65], [1, 1023], [1, 1025], [300, 10]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const [x, x0] = [uniform(n, n * m), uniform(n + 1, n * m)];
      assertClose(await run(x, x0, m), rowCheckReference(x, x0, m), TOLERANCE.reduction(m));
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [x, x0] = [uniform(2, 11 * 70), uniform(3, 11 * 70)];
    assertClose(await run(x, x0, 70), rowCheckReference(x, x0, 70), TOLERANCE.reduction(70));
  }));

  it("finds one stray element wherever it hides", async () => {
    for (const place of [0, 63, 64, 1024, 1499]) {
      const x = new Float64Array(1500).fill(0.5);
      x[place] = 1.25;
      assert.deepEqual([...(await run(x, new Float64Array(1500).fill(0.5), 1500))], [0.75, 0.75, 0.5, 1.25, 0, 0, 0, 0]);
      x[place] = -0.25;
      assert.deepEqual([...(await run(x, new Float64Array(1500).fill(0.5), 1500))], [0.75, 0.75, -0.25, 0.5, 0, 0, 0, 0]);
    }
  });

  it("counts NaN and infinities in either tensor and keeps the other facts finite", async () => {
    const x = Float64Array.of(0.5, NaN, Infinity, 0.25, 0.75, 1);
    const x0 = Float64Array.of(0.5, 0.5, 0.5, 0.5, -Infinity, NaN);
    const y = await run(x, x0, 6);
    assert.deepEqual([...y], [0.25, 0.25, 0.25, 0.5, 4, 0, 0, 0]);
    assertClose(y, rowCheckReference(x, x0, 6), TOLERANCE.elementwise);
    assert.deepEqual([...(await run(Float64Array.of(NaN, NaN), Float64Array.of(0, 0), 2))], [0, 0, 0, 0, 2, 0, 0, 0]);
  });

  it("names its columns", async () => {
    const y = await run(Float64Array.of(0.5, 1), Float64Array.of(0.25, 1), 2);
    assert.deepEqual([y[ROW_CHECK.linf], y[ROW_CHECK.l2], y[ROW_CHECK.lowest], y[ROW_CHECK.highest], y[ROW_CHECK.nonFinite]], [0.25, 0.25, 0.5, 1, 0]);
    assert.equal(y.length, ROW_CHECK.width);
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(uniform(1, 2000), uniform(2, 2000), 500), await run(uniform(1, 2000), uniform(2, 2000), 500)));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => rowCheck(t, t, t, { n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /reduce\/row-check: expected n/ });
    assert.throws(() => rowCheck(t, t, t, { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 8/ });
  }));
});
