import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { GINI_UNDEFINED, giniRows } from "../../../services/engine/kernels/inequality/gini-rows.ts";
import { sortRowsReference } from "../../../services/engine/reference/reduce/sort-rows.ts";
import { giniRowsReference } from "../../../services/engine/reference/inequality/gini-rows.ts";
import { assertClose } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("inequality/gini-rows", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Sorts on the host, so that a failure here is the sum's. */
  const run = (values: Float64Array, m: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = values.length / m;
    const y = canary(scope, "y", n, -7);
    return runChecked(gpu, [giniRows(uploadF32(scope, "sorted", sortRowsReference(values, m)), y, { n, m })], y, n, -7);
  });
  const positive = (seed: number, n: number, power = 1): Float64Array => uniform(seed, n).map((v) => Math.fround(Math.abs(v) ** power));

  // One; a prime; one under, at and over the 256 pairs and the 4096 pairs of one block; many rows.
  for (const [n, m] of [[1, 1], [3, 2], [3, 31], [2, 511], [2, 512], [2, 513], [1, 8191], [1, 8193], [300, 10]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assertClose(await run(positive(m, n * m), m), giniRowsReference(positive(m, n * m), m), { atol: 0, rtol: 1e-6 }));
  }

  for (const power of [0.01, 1, 8]) {
    it(`keeps 150,528 values to 1e-6, whatever their inequality (|u|^${power})`, async () => {
      const values = positive(9, 150_528, power);
      assertClose(await run(values, values.length), giniRowsReference(values, values.length), { atol: 0, rtol: 1e-6 });
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    assertClose(await run(positive(2, 11 * 70), 70), giniRowsReference(positive(2, 11 * 70), 70), { atol: 0, rtol: 1e-6 });
  }));

  it("is 0 for equal values and for zeros, 1 - 1/n for a single one", async () => {
    for (const m of [1, 2, 5, 1000]) {
      const oneHot = Float64Array.from({ length: m }, (_, i) => Number(i === 0));
      const rows = Float64Array.of(...new Float64Array(m).fill(0.3), ...new Float64Array(m), ...oneHot);
      assertClose(await run(rows, m), [0, 0, 1 - 1 / m], { atol: 0, rtol: 1e-6 });
    }
  });

  it("does not change with scale, down to values whose squares and sums underflow", async () => {
    const values = positive(3, 500);
    for (const scale of [1e-36, 1e-10, 1e30]) {
      const scaled = values.map((v) => Math.fround(v * scale));
      assertClose(await run(scaled, 500), giniRowsReference(scaled, 500), { atol: 0, rtol: 2e-6 });
    }
  });

  it("does not change when the values are repeated", async () => {
    const values = positive(4, 100);
    assertClose(await run(Float64Array.of(...values, ...values, ...values), 300), await run(values, 100), { atol: 0, rtol: 1e-6 });
  });

  it("says so when a row has no Gini index", async () => {
    const rows = [[1, 2, -3], [1, NaN, 3], [1, 2, Infinity], [-Infinity, 0, 0], [1, 2, 3]];
    const y = await run(Float64Array.from(rows.flat()), 3);
    assert.deepEqual([...y.slice(0, 4)], new Array(4).fill(GINI_UNDEFINED));
    assertClose(y, giniRowsReference(Float64Array.from(rows.flat()), 3), { atol: 1e-7, rtol: 0 });
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const values = positive(5, 5 * 777);
    const all = await run(values, 777);
    assert.deepEqual(await run(values, 777), all);
    assert.deepEqual(await run(values.slice(777, 1554), 777), all.slice(1, 2));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => giniRows(t, t, { n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /inequality\/gini-rows: expected n/ });
    assert.throws(() => giniRows(t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected sorted to hold 5/ });
  }));
});
