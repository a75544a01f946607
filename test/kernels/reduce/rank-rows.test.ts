import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { rankRows } from "../../../services/engine/kernels/reduce/rank-rows.ts";
import { fillBitsReference } from "../../../services/engine/reference/random/fill-bits.ts";
import { rankRowsReference } from "../../../services/engine/reference/reduce/rank-rows.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { canaryU32, readCanary, withScope } from "../../support/rows.ts";

describe("reduce/rank-rows", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Ranking = { order: Uint32Array; rank: Uint32Array };
  const rankOf = (values: ArrayLike<number>, m: number, dtype: "f32" | "u32" = "f32"): Promise<Ranking> => withScope(gpu, async (scope) => {
    const n = values.length / m;
    const [rank, order] = [canaryU32(scope, "rank", n * m), canaryU32(scope, "order", n * m)];
    const input = (dtype === "f32" ? uploadF32 : uploadU32)(scope, "values", values);
    await runOnce(gpu, "test", rankRows(input, rank, order, scope.tensor("keys", [n, m], "u32"), { n, m }));
    return { order: (await readCanary(gpu, order, n * m, 0xdeadbeef)) as Uint32Array, rank: (await readCanary(gpu, rank, n * m, 0xdeadbeef)) as Uint32Array };
  });
  /** Signed, with ties across chunks and both zeros. */
  const values = (n: number, m: number): Float64Array => uniform(m, n * m).map((v, i) => (i % 5 === 0 ? 0.25 : i % 7 === 0 ? (i % 2 ? 0 : -0) : v));

  // One; a prime; one under, at and over one, two and four chunks; several rows.
  for (const [n, m] of [[1, 1], [3, 31], [2, 1023], [2, 1024], [2, 1025], [2, 2049], [3, 3072], [1, 4097]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assert.deepEqual(await rankOf(values(n, m), m), rankRowsReference(values(n, m), m)));
  }

  it("ranks a row of 150,528", async () => assert.deepEqual(await rankOf(values(1, 150_528), 150_528), rankRowsReference(values(1, 150_528), 150_528)));

  it("undoes the fold of the grids", () => withGridLimit(gpu, 3, async () => assert.deepEqual(await rankOf(values(5, 2100), 2100), rankRowsReference(values(5, 2100), 2100))));

  it("ranks by sign, not by size, and ties by index: equal values keep their order", async () => {
    assert.deepEqual([...(await rankOf([-9, 1, 0, 1, -0, 5], 6)).order], [5, 1, 3, 2, 4, 0]);
    assert.deepEqual([...(await rankOf(new Float64Array(2500).fill(3), 2500)).order], Array.from({ length: 2500 }, (_, i) => i));
  });

  it("ranks NaN below -infinity, over the edge of a chunk, and stays a permutation", async () => {
    const input = values(1, 1030);
    for (const i of [3, 1023, 1024, 1029]) input[i] = NaN;
    input[9] = -Infinity;
    const { order, rank } = await rankOf(input, 1030);
    assert.deepEqual([...order.slice(-5)], [9, 3, 1023, 1024, 1029]);
    assert.deepEqual({ order, rank }, rankRowsReference(input, 1030));
  });

  it("ranks raw words as unsigned integers, those that look like NaN too", async () => {
    const words = fillBitsReference([1, 2], 1100, { seedLow: 1, seedHigh: 2, draw: 0, stream: 0 });
    words.set([0x7fc00000, 0xffffffff, 0, 0x80000000, 0xff800001, 0x7f800000], 40);
    assert.deepEqual(await rankOf(words, 1100, "u32"), rankRowsReference(words, 1100));
  });

  it("repeats to the bit, and each row whatever its batch", async () => {
    const all = await rankOf(values(3, 1500), 1500);
    assert.deepEqual(await rankOf(values(3, 1500), 1500), all);
    assert.deepEqual((await rankOf(values(3, 1500).slice(1500, 3000), 1500)).rank, all.rank.slice(1500, 3000));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const u = scope.tensor("u", [4], "u32");
    assert.throws(() => rankRows(t, u, u, u, { n: 0, m: 4 }), { code: "SHAPE_MISMATCH", message: /reduce\/rank-rows: expected n/ });
    assert.throws(() => rankRows(t, u, u, u, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected values to hold 5/ });
    assert.throws(() => rankRows(t, u, u, scope.tensor("keys", [3], "u32"), { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected keys to hold 4/ });
    assert.throws(() => rankRows(t, u, t, u, { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected order to be u32/ });
    assert.throws(() => rankRows(t, t, u, u, { n: 1, m: 4 }), { code: "SHAPE_MISMATCH", message: /expected rank to be u32/ });
  }));
});
