import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { channelMean } from "../../../services/engine/kernels/attribution/channel-mean.ts";
import { channelMeanReference } from "../../../services/engine/reference/attribution/channel-mean.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attribution/channel-mean", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (map: Float64Array, shape: { n: number; c: number; p: number }): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const y = canary(scope, "y", shape.n * shape.p, -70);
    return runChecked(gpu, [channelMean(uploadF32(scope, "map", map), y, shape)], y, shape.n * shape.p, -70);
  });

  // One; primes; one under, at and over a workgroup's 64 pixels; CIFAR's.
  for (const [n, c, p] of [[1, 1, 1], [3, 5, 7], [1, 3, 63], [1, 3, 64], [1, 3, 65], [4, 3, 1024]] as const) {
    it(`matches the reference at [${n}, ${c}, ${p}]`, async () => {
      const map = uniform(n, n * c * p);
      assertClose(await run(map, { n, c, p }), channelMeanReference(map, { n, c, p }), TOLERANCE.elementwise);
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    const map = uniform(2, 11 * 3 * 70);
    assertClose(await run(map, { n: 11, c: 3, p: 70 }), channelMeanReference(map, { n: 11, c: 3, p: 70 }), TOLERANCE.elementwise);
  }));

  it("is the map itself for one channel and keeps the sign", async () => {
    const map = uniform(3, 50);
    assert.deepEqual(await run(map, { n: 1, c: 1, p: 50 }), Float32Array.from(map));
    assert.deepEqual([...(await run(Float64Array.of(-1, 2, -3, -4), { n: 1, c: 2, p: 2 }))], [-2, -1]);
  });

  it("repeats to the bit", async () => {
    const map = uniform(4, 2 * 3 * 100);
    assert.deepEqual(await run(map, { n: 2, c: 3, p: 100 }), await run(map, { n: 2, c: 3, p: 100 }));
  });

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => channelMean(t, t, { n: 1, c: 0, p: 4 }), { code: "SHAPE_MISMATCH", message: /attribution\/channel-mean: expected c/ });
    assert.throws(() => channelMean(t, t, { n: 1, c: 2, p: 4 }), { code: "SHAPE_MISMATCH", message: /expected map to hold 8/ });
  }));
});
