import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pathFinish } from "../../../services/engine/kernels/attribution/path-finish.ts";
import { pathFinishReference } from "../../../services/engine/reference/attribution/path-finish.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attribution/path-finish", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (sum: Float64Array, x: Float64Array, b: Float64Array): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const map = canary(scope, "map", sum.length, -70);
    return runChecked(gpu, [pathFinish(uploadF32(scope, "sum", sum), uploadF32(scope, "x", x), uploadF32(scope, "b", b), map, { n: 1, m: sum.length })], map, sum.length, -70);
  });
  const inputs = (n: number): [Float64Array, Float64Array, Float64Array] => [uniform(1, n), uniform(2, n), uniform(3, n)];

  // One; a prime; one under, at and over a workgroup's 256 elements; large.
  for (const n of [1, 31, 255, 256, 257, 3001]) {
    it(`matches the reference at [${n}]`, async () => assertClose(await run(...inputs(n)), pathFinishReference(...inputs(n)), TOLERANCE.elementwise));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    assertClose(await run(...inputs(2565)), pathFinishReference(...inputs(2565)), TOLERANCE.elementwise);
  }));

  it("is input × gradient for a zero baseline and 0 where image and baseline agree", async () => {
    const [g, x] = inputs(100);
    assertClose(await run(g, x, new Float64Array(100)), g.map((v, i) => v * x[i]!), TOLERANCE.elementwise);
    assert.ok((await run(g, x, x)).every((v) => v === 0));
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(999)), await run(...inputs(999))));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => pathFinish(t, t, t, t, { n: 0, m: 1 }), { code: "SHAPE_MISMATCH", message: /attribution\/path-finish: expected n/ });
    assert.throws(() => pathFinish(t, t, t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected sum to hold 5/ });
  }));
});
