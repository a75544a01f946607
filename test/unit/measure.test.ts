import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Clock } from "../../services/common/clock.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { gflops, measureGflops, productsFor } from "../../services/engine/gpu/measure.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";

/** Every look at it is 10 ms after the one before. */
function steppingClock(): Clock {
  let ms = 0;
  return { now: () => 0, nowIso: () => "", monotonic: () => (ms += 10) };
}

describe("measureGflops", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("counts two operations for each of 256³ multiply-adds", () => {
    assert.equal(gflops(1, 1), 33.554432 / 1);
    assert.equal(gflops(10, 5), 67.108864);
    assert.ok(Number.isFinite(gflops(1, 0)));
  });

  it("makes batches of about 60 ms, of one product at least and 2000 at most", () => {
    assert.deepEqual([1, 2.5, 59, 61, 1e4, 1e-6, 0].map(productsFor), [60, 24, 2, 1, 1, 2000, 2000]);
  });

  it("derives the rate from its clock alone, and leaves no memory behind", async () => {
    const bytes = gpu.allocatedBytes;
    assert.equal(await measureGflops(gpu, steppingClock()), gflops(24, 10)); // four products in 10 ms: batches of 24
    assert.equal(gpu.allocatedBytes, bytes);
  });
});
