import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { Session } from "../../services/lab/session.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { mapsOf, pgdOf, randomImages } from "../support/lab.ts";
import { collectGarbage, mebibytes, networkByFormula, peaksOf } from "../support/memory.ts";

const RUNS = 30;
/** Until then pipelines and the pools of allocators find their size. */
const WARM_UP = 12;
/** Runs whose median is a level. */
const LEVEL = 6;
/** What allocators keep or give back, garbage apart; a run that left its device memory behind would be as much. */
const NOISE_BYTES = 24 * 2 ** 20;

describe(`memory of ${RUNS} sessions one after the other`, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("has the same peak in every one, nothing left on the device after it, and leaves resident memory as it is", async (t) => {
    const before = gpu.allocatedBytes;
    const seen: { device: number; rss: number }[] = [];
    for (let run = 0; run < RUNS; run++) {
      const { device } = await peaksOf(gpu, async () => {
        const session = new Session(gpu);
        try {
          const network = networkByFormula(session, "squeezenet1-1", { inputShape: [3, 48, 48], classCount: 10 });
          await mapsOf(session, network, { steps: 4 }, randomImages(network, 2, run), 2);
          await pgdOf(session, network, { epsilon: 4 / 255, steps: 2 }, randomImages(network, 4, run), 4);
        } finally { session.dispose(); }
      });
      assert.equal(gpu.allocatedBytes, before);
      await collectGarbage();
      seen.push({ device, rss: process.memoryUsage.rss() });
    }
    const steady = seen.slice(WARM_UP);
    const level = (some: typeof steady): number => some.map(({ rss }) => rss).sort((a, b) => a - b)[some.length >> 1]!;
    const growth = level(steady.slice(-LEVEL)) - level(steady.slice(0, LEVEL));
    t.diagnostic(`${mebibytes(seen[0]!.device)} on the device at the peak of each; resident memory ${mebibytes(seen.at(-1)!.rss)} after the last, grown by ${mebibytes(growth)} in the last ${steady.length}`);
    assert.equal(new Set(seen.map(({ device }) => device)).size, 1, `peaks of ${seen.map(({ device }) => device).join(", ")} bytes`);
    assert.ok(growth < NOISE_BYTES, `resident memory grew by ${growth} bytes: ${seen.map(({ rss }) => rss).join(", ")}`);
  });
});
