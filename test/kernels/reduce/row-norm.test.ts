import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { rowNorm } from "../../../services/engine/kernels/reduce/row-norm.ts";
import { rowNormReference } from "../../../services/engine/reference/reduce/row-norm.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("reduce/row-norm", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (a: Float64Array, b: Float64Array | null, m: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = a.length / m;
    const y = canary(scope, "y", n, -7);
    return runChecked(gpu, [rowNorm(uploadF32(scope, "a", a), b && uploadF32(scope, "b", b), y, { n, m })], y, n, -7);
  });

  // One; a prime; one under, at and over the 64 invocations and the 1024 columns of one block; many rows.
  for (const [n, m] of [[1, 1], [3, 7], [2, 63], [2, 64], [2, 65], [1, 1023], [1, 1025], [300, 10]] as const) {
    it(`matches the reference at [${n}, ${m}], of a difference and of one tensor`, async () => {
      const [a, b] = [uniform(n, n * m), uniform(n + 1, n * m)];
      assertClose(await run(a, b, m), rowNormReference(a, b, m), TOLERANCE.reduction(m));
      assertClose(await run(a, null, m), rowNormReference(a, null, m), TOLERANCE.reduction(m));
    });
  }

  it("keeps 150,528 terms to 1e-6", async () => {
    const a = uniform(8, 150_528);
    assertClose(await run(a, null, a.length), rowNormReference(a, null, a.length), { atol: 0, rtol: 1e-6 });
  });

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [a, b] = [uniform(2, 11 * 70), uniform(3, 11 * 70)];
    assertClose(await run(a, b, 70), rowNormReference(a, b, 70), TOLERANCE.reduction(70));
  }));

  it("is 0 between equal rows, scales with its argument, and holds for gradients of 1e-15", async () => {
    const a = uniform(5, 300);
    assert.deepEqual([...(await run(a, a, 300))], [0]);
    const tiny = a.map((v) => Math.fround(v * 1e-15));
    assertClose(await run(tiny, null, 300), rowNormReference(tiny, null, 300), { atol: 0, rtol: 1e-5 });
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const a = uniform(4, 5 * 777);
    const all = await run(a, null, 777);
    assert.deepEqual(await run(a, null, 777), all);
    assert.deepEqual(await run(a.slice(3 * 777, 4 * 777), null, 777), all.slice(3, 4));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => rowNorm(t, null, t, { n: 1, m: 0 }), { code: "SHAPE_MISMATCH", message: /reduce\/row-norm: expected m/ });
    assert.throws(() => rowNorm(t, null, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected a to hold 5/ });
    assert.throws(() => rowNorm(t, scope.tensor("b", [3]), t, { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected b to hold 4/ });
  }));
});
