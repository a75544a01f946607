import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { invertRows } from "../../../services/engine/kernels/reduce/invert-rows.ts";
import { Rng } from "../../../services/common/rng.ts";
import { invertRowsReference } from "../../../services/engine/reference/reduce/invert-rows.ts";
import { closeTestGpu, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { canaryU32, runCheckedU32, withScope } from "../../support/rows.ts";

describe("reduce/invert-rows", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (order: Uint32Array, m: number): Promise<Uint32Array> => withScope(gpu, async (scope) => {
    const rank = canaryU32(scope, "rank", order.length);
    return runCheckedU32(gpu, [invertRows(uploadU32(scope, "order", order), rank, { n: order.length / m, m })], rank, order.length);
  });
  const permutations = (n: number, m: number): Uint32Array => Uint32Array.from(Array.from({ length: n }, (_, i) => [...new Rng(i, m).permutation(m)]).flat());

  // One; a prime; one under, at and over a workgroup's 128 entries; large.
  for (const [n, m] of [[1, 1], [3, 31], [1, 127], [1, 128], [1, 129], [4, 3072]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assert.deepEqual(await run(permutations(n, m), m), invertRowsReference(permutations(n, m), m)));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => assert.deepEqual(await run(permutations(11, 150), 150), invertRowsReference(permutations(11, 150), 150))));

  it("is its own inverse", async () => assert.deepEqual(await run(await run(permutations(3, 100), 100), 100), permutations(3, 100)));

  it("leaves out an entry beyond the row instead of writing into the next", () => withScope(gpu, async (scope) => {
    const rank = uploadU32(scope, "rank", [77, 77, 77, 77]);
    await runOnce(gpu, "test", [invertRows(uploadU32(scope, "order", [1, 2, 1, 9]), rank, { n: 2, m: 2 })]);
    assert.deepEqual([...(await gpu.read(rank))], [77, 0, 77, 0]);
  }));

  it("repeats to the bit", async () => assert.deepEqual(await run(permutations(2, 333), 333), await run(permutations(2, 333), 333)));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const u = scope.tensor("u", [4], "u32");
    assert.throws(() => invertRows(u, u, { n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /reduce\/invert-rows: expected n/ });
    assert.throws(() => invertRows(u, u, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected order to hold 5/ });
    assert.throws(() => invertRows(u, scope.tensor("f", [4]), { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected rank to be u32/ });
  }));
});
