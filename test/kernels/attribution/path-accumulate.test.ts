import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pathAccumulate } from "../../../services/engine/kernels/attribution/path-accumulate.ts";
import { pathAccumulateReference } from "../../../services/engine/reference/attribution/path-accumulate.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, withScope } from "../../support/rows.ts";

describe("attribution/path-accumulate", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Launch = { firstRow: number[]; rowCount: number[] };
  const run = (g: Float64Array, w: Float64Array, launches: Launch[], sum: Float64Array, squared = false, rows = w.length): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const n = launches[0]!.firstRow.length;
    const output = inPlaceF32(scope, "sum", sum, -70);
    const [gradient, weight] = [uploadF32(scope, "g", g), uploadF32(scope, "w", w)];
    const steps = launches.map(({ firstRow, rowCount }) => pathAccumulate(
      gradient, weight, { firstRow: uploadU32(scope, "first", firstRow), rowCount: uploadU32(scope, "count", rowCount) }, output, { n, m: sum.length / n, rows, squared },
    ));
    return runChecked(gpu, steps, output, sum.length, -70);
  });
  /** `n` images with 0, 1, 2, … rows each, one after the other. */
  const ragged = (n: number): Launch & { rows: number } => {
    const rowCount = Array.from({ length: n }, (_, i) => i);
    return { rowCount, firstRow: rowCount.map((_, i) => (i * (i - 1)) / 2), rows: Math.max(1, (n * (n - 1)) / 2) };
  };

  // Odd rows go one float an item, rows of whole vec4 four; a workgroup holds 64 items.
  for (const [n, m] of [[1, 1], [3, 7], [2, 63], [2, 128], [2, 65], [4, 1001], [5, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}], plain and squared`, async () => {
      const { firstRow, rowCount, rows } = ragged(n);
      const [g, w, sum] = [uniform(1, rows * m), uniform(2, rows), uniform(3, n * m)];
      for (const squared of [false, true]) {
        assertClose(await run(g, w, [{ firstRow, rowCount }], sum, squared), pathAccumulateReference(g, w, firstRow, rowCount, sum, squared), TOLERANCE.reduction(n));
      }
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const { firstRow, rowCount, rows } = ragged(6);
    const [g, w, sum] = [uniform(1, rows * 90), uniform(2, rows), uniform(3, 6 * 90)];
    assertClose(await run(g, w, [{ firstRow, rowCount }], sum), pathAccumulateReference(g, w, firstRow, rowCount, sum), TOLERANCE.reduction(6));
  }));

  it("gives the same bits however the rows are split over launches", async () => {
    const [rows, m] = [50, 31];
    const [g, w] = [uniform(1, rows * m), uniform(2, rows)];
    const whole = await run(g, w, [{ firstRow: [0], rowCount: [rows] }], new Float64Array(m));
    for (const size of [1, 7, 16]) {
      const launches = Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({ firstRow: [i * size], rowCount: [Math.min(size, rows - i * size)] }));
      assert.deepEqual(await run(g, w, launches, new Float64Array(m)), whole, `in launches of ${size}`);
    }
  });

  it("leaves an image without rows alone, and rows beyond the last out", async () => {
    const sum = uniform(4, 20);
    const g = new Float64Array(40).fill(1); // four rows are there, two are declared
    const y = await run(g, Float64Array.of(1, 1, 1, 1), [{ firstRow: [0, 1], rowCount: [0, 9] }], sum, false, 2);
    assert.deepEqual(y.slice(0, 10), Float32Array.from(sum.slice(0, 10)));
    assertClose(y.slice(10), sum.slice(10).map((v) => v + 1), TOLERANCE.elementwise);
  });

  it("repeats to the bit", async () => {
    const { firstRow, rowCount, rows } = ragged(5);
    const once = (): Promise<Float32Array> => run(uniform(1, rows * 77), uniform(2, rows), [{ firstRow, rowCount }], uniform(3, 5 * 77));
    assert.deepEqual(await once(), await once());
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const u = scope.tensor("u", [4], "u32");
    const ranges = { firstRow: u, rowCount: u };
    assert.throws(() => pathAccumulate(t, t, ranges, t, { n: 1, m: 4, rows: 0 }), { code: "SHAPE_MISMATCH", message: /attribution\/path-accumulate: expected rows/ });
    assert.throws(() => pathAccumulate(t, t, ranges, t, { n: 1, m: 4, rows: 2 }), { code: "SHAPE_MISMATCH", message: /expected gradient to hold 8/ });
    assert.throws(() => pathAccumulate(t, t, { firstRow: u, rowCount: t }, t, { n: 1, m: 4, rows: 1 }), { code: "SHAPE_MISMATCH", message: /expected rowCount to be u32/ });
  }));
});
