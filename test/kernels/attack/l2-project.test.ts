import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { l2Project } from "../../../services/engine/kernels/attack/l2-project.ts";
import { rowNormReference } from "../../../services/engine/reference/reduce/row-norm.ts";
import { l2ProjectReference } from "../../../services/engine/reference/attack/l2-project.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, withScope } from "../../support/rows.ts";

const EPSILON = 0.5;

describe("attack/l2-project", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, x0: Float64Array, n: number, epsilon = EPSILON): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const m = x.length / n;
    const output = inPlaceF32(scope, "x", x, -7);
    const norm = uploadF32(scope, "norm", normOf(x, x0, m));
    return runChecked(gpu, [l2Project(output, uploadF32(scope, "x0", x0), norm, { n, m, epsilon })], output, x.length, -7);
  });
  const normOf = (x: Float64Array, x0: Float64Array, m: number): Float64Array => rowNormReference(x, x0, m).map(Math.fround);
  const inputs = (n: number, m: number, spread: number): [Float64Array, Float64Array] => {
    const x0 = uniform(n + m, n * m).map((v) => Math.fround((v + 1) / 2));
    const d = uniform(n + m + 1, n * m, spread);
    return [x0.map((v, i) => Math.fround(v + d[i]!)), x0];
  };

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m] of [[1, 1], [3, 7], [1, 63], [1, 64], [1, 65], [2, 256], [1, 260], [5, 1001], [4, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => {
      const [x, x0] = inputs(n, m, 0.5);
      assertClose(await run(x, x0, n), l2ProjectReference(x, x0, normOf(x, x0, m), { epsilon: EPSILON }), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [x, x0] = inputs(9, 100, 0.5);
    assertClose(await run(x, x0, 9), l2ProjectReference(x, x0, normOf(x, x0, 100), { epsilon: EPSILON }), TOLERANCE.elementwise);
  }));

  it("ends inside the ball and the pixel range, and is idempotent", async () => {
    const [x, x0] = inputs(4, 500, 2);
    const y = Float64Array.from(await run(x, x0, 4));
    for (const length of rowNormReference(y, x0, 500)) assert.ok(length <= EPSILON * (1 + 1e-6), String(length));
    assert.ok(y.every((v) => v >= 0 && v <= 1));
    assertClose(await run(y, x0, 4), y, { atol: 1e-7, rtol: 0 });
  });

  it("leaves what is inside the ball where it is, and collapses to x0 when the radius is 0", async () => {
    const [x, x0] = inputs(2, 40, 0.001);
    const clipped = x.map((v) => Math.min(Math.max(v, 0), 1));
    assertClose(await run(x, x0, 2), clipped, { atol: 1e-7, rtol: 0 });
    assert.deepEqual(await run(x, x0, 2, 0), Float32Array.from(x0));
    assert.deepEqual(await run(x0, x0, 2, 0), Float32Array.from(x0)); // no distance to divide by
  });

  it("repeats to the bit", async () => {
    const [x, x0] = inputs(3, 333, 1);
    assert.deepEqual(await run(x, x0, 3), await run(x, x0, 3));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => l2Project(t, t, t, { n: 0, m: 4, epsilon: 1 }), { code: "SHAPE_MISMATCH", message: /attack\/l2-project: expected n/ });
    assert.throws(() => l2Project(t, t, t, { n: 1, m: 5, epsilon: 1 }), { code: "SHAPE_MISMATCH", message: /expected x0 to hold 5/ });
    assert.throws(() => l2Project(t, t, t, { n: 1, m: 4, epsilon: -1 }), { code: "VALUE_RANGE", message: /expected epsilon/ });
    assert.throws(() => l2Project(t, t, t, { n: 1, m: 4, epsilon: 1, low: 3 }), { code: "VALUE_RANGE", message: /expected low/ });
  }));
});
