import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { CHUNK, sortChunk } from "../../../services/engine/kernels/reduce/sort-chunk.ts";
import { Rng } from "../../../services/common/rng.ts";
import { sortChunkReference } from "../../../services/engine/reference/reduce/sort-chunk.ts";
import { CANARY, closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { readCanary, withScope } from "../../support/rows.ts";

const SENTINEL = 0xdeadbeef;

describe("reduce/sort-chunk", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Result = { keys: Uint32Array; order: Uint32Array };
  const run = (keys: Uint32Array, order: Uint32Array, m: number): Promise<Result> => withScope(gpu, async (scope) => {
    const pad = (data: Uint32Array): number[] => [...data, ...new Array<number>(CANARY).fill(SENTINEL)];
    const [k, o] = [uploadU32(scope, "keys", pad(keys)), uploadU32(scope, "order", pad(order))];
    await runOnce(gpu, "test", [sortChunk(k, o, { n: keys.length / m, m, stage: "sort", encode: "none", decode: false })]);
    return { keys: (await readCanary(gpu, k, keys.length, SENTINEL)) as Uint32Array, order: (await readCanary(gpu, o, keys.length, SENTINEL)) as Uint32Array };
  });
  /** Random words with ties, among them the key that padding uses; the companions make every pair distinct. */
  const inputs = (n: number, m: number): [Uint32Array, Uint32Array] => {
    const rng = new Rng(m, n);
    const keys = Uint32Array.from({ length: n * m }, () => [0xffff_ffff, 0, rng.nextU32(), rng.nextU32(), 12345][rng.integer(5)]!);
    return [keys, Uint32Array.from({ length: n * m }, (_, i) => i % m)];
  };

  // One; primes; powers of two and their neighbours, up to more than one chunk; many rows.
  for (const [n, m] of [[1, 1], [3, 2], [2, 31], [1, 127], [2, 128], [1, 129], [1, CHUNK - 1], [2, CHUNK], [2, CHUNK + 1], [1, 3 * CHUNK + 5], [70, 9]] as const) {
    it(`sorts each chunk like the reference at [${n}, ${m}]`, async () => {
      const [keys, order] = inputs(n, m);
      assert.deepEqual(await run(keys, order, m), sortChunkReference(keys, order, m, CHUNK));
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const [keys, order] = inputs(11, 20);
    assert.deepEqual(await run(keys, order, 20), sortChunkReference(keys, order, 20, CHUNK));
  }));

  it("encodes floats in either direction, ties -0 with +0, and gives the floats back", () => withScope(gpu, async (scope) => {
    const values = [0.5, -0, -Infinity, 3e-42, 0, NaN, -1.5, Infinity, -3e38];
    const options = { n: 1, m: values.length, stage: "sort" } as const;
    const keys = uploadF32(scope, "keys", values);
    await runOnce(gpu, "test", [sortChunk(keys, null, { ...options, encode: "f32Ascending", decode: true })]);
    assert.deepEqual([...(await gpu.read(keys))], [NaN, -Infinity, Math.fround(-3e38), -1.5, 0, 0, Math.fround(3e-42), 0.5, Infinity]);
    const descending = uploadF32(scope, "keys", values);
    const order = scope.tensor("order", [values.length], "u32");
    await runOnce(gpu, "test", [sortChunk(descending, order, { ...options, encode: "f32Descending", decode: false })]);
    assert.deepEqual([...(await gpu.read(order))], [7, 0, 3, 1, 4, 6, 8, 2, 5]);
  }));

  it("finishes a chunk that is bitonic already, and only such a one", async () => {
    const [up, down] = [[1, 4, 6, 9], [8, 5, 3, 2]];
    const merge = (keys: number[]): Promise<number[]> => withScope(gpu, async (scope) => {
      const tensor = uploadU32(scope, "keys", keys);
      await runOnce(gpu, "test", [sortChunk(tensor, null, { n: 1, m: keys.length, stage: "merge", encode: "none", decode: false })]);
      return [...(await gpu.read(tensor))];
    });
    assert.deepEqual(await merge([...up, ...down]), [1, 2, 3, 4, 5, 6, 8, 9]);
    assert.notDeepEqual(await merge([4, 1, 9, 6, 3, 8, 2, 5]), [1, 2, 3, 4, 5, 6, 8, 9]);
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(3, 500), 500), await run(...inputs(3, 500), 500)));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const options = { n: 1, m: 4, stage: "sort", encode: "none", decode: false } as const;
    assert.throws(() => sortChunk(t, null, { ...options, n: 0 }), { code: "SHAPE_MISMATCH", message: /reduce\/sort-chunk: expected n/ });
    assert.throws(() => sortChunk(t, null, { ...options, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected keys to hold 5/ });
    assert.throws(() => sortChunk(t, t, options), { code: "SHAPE_MISMATCH", message: /expected order to be u32/ });
  }));
});
