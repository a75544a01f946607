import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures, packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { biasGradient, biasScratchElements } from "../../../services/engine/kernels/conv/column-sums.ts";
import { columnSumsReference } from "../../../services/engine/reference/conv/column-sums.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { guarded, runSteps } from "./suite.ts";

describe("conv/column-sums", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (dy: Float64Array, rows: number, k: number): Promise<Float32Array> => runSteps(gpu, pad4(k), (db, scope) => {
    const scratch = scope.tensor("scratch", [biasScratchElements(rows, k)]);
    return biasGradient(guarded(scope, "dy", packFeatures(dy, rows, k)), db, { rows, k }, scratch);
  });

  // One; a prime; one under, at and over a slice of 128 rows; more rows than 512 such slices.
  for (const [rows, k] of [[1, 1], [31, 10], [127, 3], [128, 4], [129, 35], [70_001, 5]] as const) {
    it(`matches the reference: ${rows} rows of ${k}`, async () => {
      const dy = uniform(rows, rows * k);
      assertClose(await run(dy, rows, k), packVector(columnSumsReference(dy, { rows, k })), TOLERANCE.reduction(rows));
    });
  }

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const dy = uniform(1, 1000 * 20);
    const once = await run(dy, 1000, 20);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(dy, 1000, 20), once));
    assert.deepEqual(await run(dy, 1000, 20), once);
  });

  it("counts every row once: a column of ones sums to the number of rows", async () => {
    assert.deepEqual(await run(new Float64Array(1000 * 4).fill(1), 1000, 4), new Float32Array(4).fill(1000));
  });

  it("needs no scratch for few rows, and refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4 * 300));
    assert.equal(biasScratchElements(128, 10), 0);
    assert.equal(biasGradient(t, t, { rows: 128, k: 4 }).length, 1);
    const short = uploadF32(scope, "short", new Float32Array(8));
    assert.throws(() => biasGradient(t, t, { rows: 0, k: 4 }), { code: "SHAPE_MISMATCH", message: /conv\/column-sums: expected rows/ });
    assert.throws(() => biasGradient(short, t, { rows: 3, k: 4 }), { code: "SHAPE_MISMATCH", message: /expected dy to hold 12 elements, got 8/ });
    assert.throws(() => biasGradient(t, short, { rows: 3, k: 9 }), { code: "SHAPE_MISMATCH", message: /expected db to hold 12 elements, got 8/ });
    assert.throws(() => biasGradient(t, t, { rows: 300, k: 4 }, short), { code: "SHAPE_MISMATCH", message: /expected scratch to hold 12 elements, got 8/ });
    assert.throws(() => biasGradient(t, t, { rows: 300, k: 4 }), { code: "SHAPE_MISMATCH", message: /expected scratch to hold 12 elements, got 0/ });
    scope.dispose();
  });
});
