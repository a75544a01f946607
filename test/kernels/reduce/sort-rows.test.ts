import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { sortRows } from "../../../services/engine/kernels/reduce/sort-rows.ts";
import { sortRowsReference } from "../../../services/engine/reference/reduce/sort-rows.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("reduce/sort-rows", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (values: Float64Array, m: number): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const sorted = canary(scope, "sorted", values.length, -7);
    return runChecked(gpu, sortRows(uploadF32(scope, "values", values), sorted, { n: values.length / m, m }), sorted, values.length, -7);
  });
  /** A fifth of the values repeat; both zeros occur. */
  const values = (n: number, m: number): Float64Array => uniform(m, n * m).map((v, i) => (i % 5 === 0 ? 0.25 : i % 7 === 0 ? (i % 2 ? 0 : -0) : v));

  // One; a prime; one under, at and over one, two, four and eight chunks (so that every layer of a merge is needed).
  for (const [n, m] of [[1, 1], [3, 31], [2, 1023], [2, 1024], [2, 1025], [1, 2047], [2, 2049], [2, 3072], [1, 4097], [1, 8200]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assert.deepEqual(await run(values(n, m), m), Float32Array.from(sortRowsReference(values(n, m), m))));
  }

  it("sorts a row of 150,528", async () => assert.deepEqual(await run(values(1, 150_528), 150_528), Float32Array.from(sortRowsReference(values(1, 150_528), 150_528))));

  it("undoes the fold of the grids", () => withGridLimit(gpu, 3, async () => {
    assert.deepEqual(await run(values(5, 2100), 2100), Float32Array.from(sortRowsReference(values(5, 2100), 2100)));
  }));

  it("sorts rows of zeros and ones of every density, over the edge of a chunk", async () => {
    const m = 2050;
    const rows = Array.from({ length: 12 }, (_, i) => Array.from(uniform(i, m), (v) => Number(v < (i - 6) / 7)));
    const y = await run(Float64Array.from(rows.flat()), m);
    rows.forEach((row, i) => assert.deepEqual([...y.slice(i * m, (i + 1) * m)], [...row].sort()));
  });

  it("puts NaN first and keeps infinities", async () => {
    assert.deepEqual([...(await run(Float64Array.of(1, NaN, -Infinity, Infinity, -2, NaN), 6))], [NaN, NaN, -Infinity, -2, 1, Infinity]);
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const all = await run(values(3, 1500), 1500);
    assert.deepEqual(await run(values(3, 1500), 1500), all);
    assert.deepEqual(await run(values(3, 1500).slice(1500, 3000), 1500), all.slice(1500, 3000));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => sortRows(t, t, { n: 1, m: 0 }), { code: "SHAPE_MISMATCH", message: /reduce\/sort-rows: expected m/ });
    assert.throws(() => sortRows(t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected values to hold 5/ });
  }));
});
