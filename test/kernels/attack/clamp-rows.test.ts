import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { clampRows } from "../../../services/engine/kernels/attack/clamp-rows.ts";
import { clampRowsReference } from "../../../services/engine/reference/attack/clamp-rows.ts";
import { closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, withScope } from "../../support/rows.ts";

describe("attack/clamp-rows", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (x: Float64Array, low: Float64Array, high: Float64Array): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = inPlaceF32(scope, "x", x, -7);
    const [n, m] = [low.length, x.length / low.length];
    return runChecked(gpu, [clampRows(output, uploadF32(scope, "low", low), uploadF32(scope, "high", high), { n, m })], output, x.length, -7);
  });
  /** Values in ±2, bounds in [−1, 0] and [0, 1]. */
  const inputs = (n: number, m: number): [Float64Array, Float64Array, Float64Array] => [uniform(n + m, n * m, 2), uniform(n, n).map((v) => -Math.abs(v)), uniform(m, n).map(Math.abs)];
  const expected = ([x, low, high]: [Float64Array, Float64Array, Float64Array]): Float32Array => Float32Array.from(clampRowsReference(x, low, high, x.length / low.length));

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m] of [[1, 1], [3, 7], [1, 63], [1, 64], [1, 65], [2, 256], [1, 260], [5, 1001], [4, 3072]] as const) {
    it(`is the reference, exactly, at [${n}, ${m}]`, async () => assert.deepEqual(await run(...inputs(n, m)), expected(inputs(n, m))));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => assert.deepEqual(await run(...inputs(9, 100)), expected(inputs(9, 100)))));

  it("cuts each row to its own bounds and leaves what is inside", async () => {
    const y = await run(Float64Array.of(-5, 0.25, 5, -5, 0.25, 5), Float64Array.of(-1, 0.5), Float64Array.of(1, 2));
    assert.deepEqual([...y], [-1, 0.25, 1, 0.5, 0.5, 2]);
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(3, 333)), await run(...inputs(3, 333))));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => clampRows(t, t, t, { n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /attack\/clamp-rows: expected n/ });
    assert.throws(() => clampRows(t, t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected x to hold 5/ });
    assert.throws(() => clampRows(scope.tensor("x", [5]), t, t, { n: 5, m: 1 }), { code: "SHAPE_MISMATCH", message: /expected low to hold 5/ });
  }));
});
