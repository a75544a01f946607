import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { keepBetter } from "../../../services/engine/kernels/attack/keep-better.ts";
import { keepBetterReference } from "../../../services/engine/reference/attack/keep-better.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { inPlaceF32, readCanary, withScope } from "../../support/rows.ts";

describe("attack/keep-better", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Pair = { best: Float32Array; bestScore: Float32Array };
  const run = (candidate: Float64Array, candidateScore: Float64Array, best: Float64Array, bestScore: Float64Array): Promise<Pair> => withScope(gpu, async (scope) => {
    const n = bestScore.length;
    const images = inPlaceF32(scope, "best", best, -7);
    const scores = inPlaceF32(scope, "score", bestScore, -7);
    await runOnce(gpu, "test", [keepBetter(uploadF32(scope, "c", candidate), uploadF32(scope, "s", candidateScore), images, scores, { n, m: best.length / n })]);
    return { best: (await readCanary(gpu, images, best.length, -7)) as Float32Array, bestScore: (await readCanary(gpu, scores, n, -7)) as Float32Array };
  });
  const inputs = (n: number, m: number): [Float64Array, Float64Array, Float64Array, Float64Array] => [uniform(1, n * m), uniform(2, n), uniform(3, n * m), uniform(4, n)];
  const expected = (...input: ReturnType<typeof inputs>): Pair => {
    const { best, bestScore } = keepBetterReference(...input);
    return { best: Float32Array.from(best), bestScore: Float32Array.from(bestScore) };
  };

  // One; a prime; one under, at and over the 64 invocations of a row; large; many rows.
  for (const [n, m] of [[1, 1], [3, 7], [2, 63], [2, 64], [2, 65], [4, 3072], [300, 10]] as const) {
    it(`matches the reference at [${n}, ${m}]`, async () => assert.deepEqual(await run(...inputs(n, m)), expected(...inputs(n, m))));
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => assert.deepEqual(await run(...inputs(11, 20)), expected(...inputs(11, 20)))));

  it("ends with the best of several candidates, whatever their order", async () => {
    const m = 5;
    const candidates = [4, -1, 9, 9, 2].map((score, i) => [new Float64Array(m).fill(i), Float64Array.of(score)] as const);
    for (const order of [[0, 1, 2, 4], [4, 2, 1, 0]]) {
      let kept: Pair = { best: new Float32Array(m), bestScore: Float32Array.of(-3.4e38) };
      for (const i of order) kept = await run(...candidates[i]!, Float64Array.from(kept.best), Float64Array.from(kept.bestScore));
      assert.deepEqual(kept, { best: new Float32Array(m).fill(2), bestScore: Float32Array.of(9) });
    }
  });

  it("keeps the best on a tie and against NaN", async () => {
    const result = await run(Float64Array.of(5, 5), Float64Array.of(1, NaN), Float64Array.of(8, 8), Float64Array.of(1, -2));
    assert.deepEqual(result, { best: Float32Array.of(8, 8), bestScore: Float32Array.of(1, -2) });
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(6, 100)), await run(...inputs(6, 100))));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => keepBetter(t, t, t, t, { n: 0, m: 1 }), { code: "SHAPE_MISMATCH", message: /attack\/keep-better: expected n/ });
    assert.throws(() => keepBetter(t, t, t, t, { n: 1, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected candidate to hold 5/ });
  }));
});
