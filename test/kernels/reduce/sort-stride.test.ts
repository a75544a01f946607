import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { sortStride } from "../../../services/engine/kernels/reduce/sort-stride.ts";
import { Rng } from "../../../services/common/rng.ts";
import { sortStrideReference } from "../../../services/engine/reference/reduce/sort-stride.ts";
import { CANARY, closeTestGpu, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { readCanary, withScope } from "../../support/rows.ts";

const SENTINEL = 0xdeadbeef;

describe("reduce/sort-stride", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Result = { keys: Uint32Array; order: Uint32Array };
  const run = (keys: Uint32Array, order: Uint32Array, m: number, half: number, flip: boolean): Promise<Result> => withScope(gpu, async (scope) => {
    const pad = (data: Uint32Array): number[] => [...data, ...new Array<number>(CANARY).fill(SENTINEL)];
    const [k, o] = [uploadU32(scope, "keys", pad(keys)), uploadU32(scope, "order", pad(order))];
    await runOnce(gpu, "test", [sortStride(k, o, { n: keys.length / m, m, half, flip })]);
    return { keys: (await readCanary(gpu, k, keys.length, SENTINEL)) as Uint32Array, order: (await readCanary(gpu, o, keys.length, SENTINEL)) as Uint32Array };
  });
  /** Random words with ties, among them the key that padding uses; the companions make every pair distinct. */
  const inputs = (n: number, m: number): [Uint32Array, Uint32Array] => {
    const rng = new Rng(m, n);
    const keys = Uint32Array.from({ length: n * m }, () => [0xffff_ffff, 0, rng.nextU32(), rng.nextU32(), 12345][rng.integer(5)]!);
    return [keys, Uint32Array.from({ length: n * m }, (_, i) => i % m)];
  };

  // Rows of one, of broken and of whole blocks; one under, at and over a workgroup's 128 comparators.
  for (const [n, m, half] of [[1, 1, 1], [3, 7, 2], [2, 31, 16], [1, 255, 1], [1, 256, 128], [1, 258, 1], [2, 5000, 1024], [3, 2049, 2048]] as const) {
    for (const flip of [false, true]) {
      it(`matches the reference at [${n}, ${m}], distance ${half}${flip ? ", flipped" : ""}`, async () => {
        const [keys, order] = inputs(n, m);
        assert.deepEqual(await run(keys, order, m, half, flip), sortStrideReference(keys, order, m, half, flip));
      });
    }
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [keys, order] = inputs(11, 150);
    assert.deepEqual(await run(keys, order, 150, 4, true), sortStrideReference(keys, order, 150, 4, true));
  }));

  it("splits a bitonic row: nothing in the lower half exceeds anything in the upper", async () => {
    const keys = Uint32Array.of(1, 3, 5, 7, 8, 6, 4, 2);
    const y = await run(keys, keys.map((_, i) => i), 8, 4, false);
    assert.ok(Math.max(...y.keys.slice(0, 4)) <= Math.min(...y.keys.slice(4)));
  });

  it("works without companions", () => withScope(gpu, async (scope) => {
    const keys = uploadU32(scope, "keys", [9, 1, 2, 8]);
    await runOnce(gpu, "test", [sortStride(keys, null, { n: 1, m: 4, half: 2, flip: true })]);
    assert.deepEqual([...(await gpu.read(keys))], [8, 1, 2, 9]);
  }));

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(3, 500), 500, 64, true), await run(...inputs(3, 500), 500, 64, true)));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => sortStride(t, null, { n: 1, m: 0, half: 1, flip: false }), { code: "SHAPE_MISMATCH", message: /reduce\/sort-stride: expected m/ });
    assert.throws(() => sortStride(t, null, { n: 1, m: 5, half: 1, flip: false }), { code: "SHAPE_MISMATCH", message: /expected keys to hold 5/ });
    assert.throws(() => sortStride(t, t, { n: 1, m: 4, half: 1, flip: false }), { code: "SHAPE_MISMATCH", message: /expected order to be u32/ });
    for (const half of [0, 3, -2]) assert.throws(() => sortStride(t, null, { n: 1, m: 4, half, flip: false }), { code: "VALUE_RANGE", message: /expected half, a power of two/ });
  }));
});
