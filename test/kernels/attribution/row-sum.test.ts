import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { rowSum } from "../../../services/engine/kernels/attribution/row-sum.ts";
import { rowSumReference } from "../../../services/engine/reference/attribution/row-sum.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attribution/row-sum", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (map: Float64Array, m: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = map.length / m;
    const y = canary(scope, "y", n, -7e6);
    return runChecked(gpu, [rowSum(uploadF32(scope, "map", map), y, { n, m })], y, n, -7e6);
  });

  // One; a prime; one under, at and over the 64 invocations and the 1024 columns of one block; many rows.
  for (const [n, m] of [[1, 1], [3, 7], [2, 63], [2, 64], [2, 65], [1, 1023], [1, 1025], [300, 10]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const map = uniform(n, n * m);
      assertClose(await run(map, m), rowSumReference(map, m), TOLERANCE.reduction(m));
    });
  }

  it("keeps 150,528 terms of one sign to 1e-6", async () => {
    const map = uniform(8, 150_528).map(Math.abs);
    assertClose(await run(map, map.length), rowSumReference(map, map.length), { atol: 0, rtol: 1e-6 });
  });

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const map = uniform(2, 11 * 70);
    assertClose(await run(map, 70), rowSumReference(map, 70), TOLERANCE.reduction(70));
  }));

  it("is additive: the sum of two maps has the sum of their sums", async () => {
    const [a, b] = [uniform(1, 500), uniform(2, 500)];
    const [sa, sb, sab] = [await run(a, 500), await run(b, 500), await run(a.map((v, i) => Math.fround(v + b[i]!)), 500)];
    assertClose(sab, [sa[0]! + sb[0]!], TOLERANCE.reduction(500));
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const map = uniform(4, 5 * 777);
    const all = await run(map, 777);
    assert.deepEqual(await run(map, 777), all);
    assert.deepEqual(await run(map.slice(3 * 777, 4 * 777), 777), all.slice(3, 4));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => rowSum(t, t, { n: 0, m: 1 }), { code: "SHAPE_MISMATCH", message: /attribution\/row-sum: expected n/ });
    assert.throws(() => rowSum(t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected map to hold 5/ });
  }));
});
