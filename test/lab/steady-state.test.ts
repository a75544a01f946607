import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { trainConfigSchema } from "../../schema/jobs/run-config.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { Session } from "../../services/lab/session.ts";
import { train } from "../../services/lab/training/train.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { toyDataset } from "../support/toy-dataset.ts";

/** LORENZ_TEST_STEPS=10000 node --import tsx --test test/lab/steady-state.test.ts shows that the bounds hold in the long run. */
const STEPS = Number(process.env["LORENZ_TEST_STEPS"] ?? 300);
const EPOCH_STEPS = Math.max(10, Math.ceil(STEPS / 100));
/** Until then pipelines, the evaluation's programs, staging memory and the host's heap find their size. */
const WARM_UP = Math.max(60, 2 * EPOCH_STEPS);
/** What garbage not yet collected, and the rasteriser's own pools, make of resident memory; the same for any number of steps. */
const NOISE_BYTES = 24 * 2 ** 20;
const BATCH = 32;

describe(`${STEPS} training steps against an adversary`, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("create no GPU object, allocate no device memory and leave resident memory as it is", async (t) => {
    const dataset = toyDataset({ inputShape: [1, 28, 28], train: EPOCH_STEPS * BATCH, test: 12 });
    const config = trainConfigSchema.parse({
      kind: "train", name: "long", dataset: "mnist", architecture: "tiny-cnn", batchSize: BATCH, epochs: Math.ceil((WARM_UP + STEPS) / EPOCH_STEPS),
      adversary: { epsilon: 0.1, steps: 1 }, evaluation: { count: 12 }, probe: { count: 0 }, augmentation: { cropPadding: 1 },
    });
    const seen: { counts: Record<string, number>; allocated: number; rss: number }[] = [];
    const session = new Session(gpu);
    const look = (): void => { seen.push({ counts: { ...gpu.counts }, allocated: gpu.allocatedBytes, rss: process.memoryUsage.rss() }); };
    try {
      await train(session, dataset, config, 1n, { metrics: (points) => points.forEach(({ series }) => { if (series === "loss") look(); }), checkpoint: () => Promise.resolve() });
    } finally { session.dispose(); }

    const steady = seen.slice(WARM_UP);
    assert.ok(steady.length >= STEPS, `${steady.length} steps`);
    // Within an epoch nothing is made; between two, evaluation and checkpoint make staging buffers for one read each.
    steady.forEach(({ counts }, i) => { if ((WARM_UP + i) % EPOCH_STEPS > 0) assert.deepEqual(counts, steady[i - 1]?.counts ?? counts, `step ${WARM_UP + i}`); });
    assert.deepEqual([...new Set(steady.map(({ allocated }) => allocated))].length, 1, "device memory of scopes");
    const level = (some: typeof steady): number => some.map(({ rss }) => rss).sort((a, b) => a - b)[some.length >> 1]!;
    const growth = level(steady.slice(-40)) - level(steady.slice(0, 40));
    t.diagnostic(`resident memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB, to ${(steady.at(-1)!.rss / 2 ** 20).toFixed(0)} MiB`);
    assert.ok(growth < NOISE_BYTES, `resident memory grew by ${growth} bytes`);
  });
});
