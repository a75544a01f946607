import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { accumulate } from "../../../services/engine/kernels/elementwise/accumulate.ts";
import { accumulateReference } from "../../../services/engine/reference/elementwise/accumulate.ts";
import { CANARY, closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";

/** Beyond y: it must stay. */
const SENTINEL = 12345;

describe("elementwise/accumulate", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** y after `times` additions of x; checks that nothing beyond the last vec4 was touched. */
  const run = async (x: Float64Array, y: Float64Array, times = 1): Promise<Float32Array> => {
    const scope = gpu.scope("test");
    const n = y.length;
    const padded = new Float32Array(n + CANARY).fill(SENTINEL);
    padded.set(y);
    const [from, to] = [uploadF32(scope, "x", x), uploadF32(scope, "y", padded)];
    const step = accumulate(from, to, n);
    await runOnce(gpu, "test", Array.from({ length: times }, () => step));
    const all = await gpu.readF32(to);
    scope.dispose();
    assert.ok(all.subarray(Math.ceil(n / 4) * 4).every((v) => v === SENTINEL), "wrote past the end");
    return all.slice(0, n);
  };

  // One; a prime; one under, at and over a workgroup's 2048 elements; large. A sum of two is rounded once, so it is exact.
  for (const n of [1, 31, 2047, 2048, 2049, 50_021]) {
    it(`matches the reference at [${n}]`, async () => {
      const [x, y] = [uniform(n, n), uniform(n + 1, n)];
      assert.deepEqual(await run(x, y), Float32Array.from(accumulateReference(x, y)));
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const [x, y] = [uniform(9, 2048 * 5 + 5), uniform(8, 2048 * 5 + 5)];
    assert.deepEqual(await run(x, y), Float32Array.from(accumulateReference(x, y)));
  }));

  it("adds up: three times 1 to nothing is 3", async () => {
    assert.deepEqual(await run(new Float64Array(500).fill(1), new Float64Array(500), 3), new Float32Array(500).fill(3));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 3000), uniform(2, 3000), 3), await run(uniform(1, 3000), uniform(2, 3000), 3));
  });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    assert.throws(() => accumulate(long, long, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/accumulate: expected n/ });
    assert.throws(() => accumulate(short, long, 5), { code: "SHAPE_MISMATCH", message: /expected x to hold 5/ });
    assert.throws(() => accumulate(long, short, 5), { code: "SHAPE_MISMATCH", message: /expected y to hold 5/ });
    scope.dispose();
  });
});
