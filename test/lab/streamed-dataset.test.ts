import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { ResultsInput } from "../../schema/jobs/results.ts";
import { auditConfigSchema, trainConfigSchema } from "../../schema/jobs/run-config.ts";
import { AppError } from "../../services/common/errors.ts";
import { newId } from "../../services/common/ids.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { audit } from "../../services/lab/audit/audit.ts";
import type { Dataset, MemoryDataset, Pixels, Split } from "../../services/lab/data/dataset.ts";
import type { MemorySplit } from "../../services/lab/data/memory-split.ts";
import { Session } from "../../services/lab/session.ts";
import { train } from "../../services/lab/training/train.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { crooked, randomNetwork } from "../support/lab.ts";
import { toyDataset } from "../support/toy-dataset.ts";

const toy = toyDataset({ train: 60, test: 40 });

/** The same images, each batch there only after a few turns of the event loop, as from a disk; later ones sooner than earlier ones. */
class LateSplit implements Split {
  asked = 0;
  waiting = 0;
  most = 0;
  constructor(readonly of: MemorySplit, readonly failAt = Infinity) {}
  get count(): number { return this.of.count; }
  get labels(): Split["labels"] { return this.of.labels; }
  async images(indices: ArrayLike<number>): Promise<Pixels> {
    if (++this.asked === this.failAt) throw new AppError("DATASET_CORRUPT", "7.png: expected a whole picture");
    this.most = Math.max(this.most, ++this.waiting);
    for (let turn = 3 + (this.asked % 3) * 2; turn > 0; turn--) await new Promise<void>((done) => { setImmediate(done); });
    this.waiting--;
    return this.of.images(indices);
  }
}

function late({ splits: { train: trained, test }, ...rest }: MemoryDataset, failAt?: number): Dataset & { splits: Record<"train" | "test", LateSplit> } {
  return { ...rest, splits: { train: new LateSplit(trained, failAt), test: new LateSplit(test, failAt) } };
}

describe("a data set that is read on demand", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const trainOn = async (dataset: Dataset): Promise<Uint8Array> => {
    const session = new Session(gpu);
    const config = trainConfigSchema.parse({ kind: "train", name: "toy", dataset: "mnist", architecture: "tiny-cnn", epochs: 2, batchSize: 10, augmentation: { cropPadding: 1, flip: true }, evaluation: { count: 40, pgd: { epsilon: 0.1, steps: 2 } }, probe: { count: 0 } });
    try {
      return (await train(session, dataset, config, 3n, { metrics: () => undefined, checkpoint: () => Promise.resolve() })).weights;
    } finally { session.dispose(); }
  };
  const auditOn = async (dataset: Dataset): Promise<ResultsInput[]> => {
    const session = new Session(gpu, { maxRows: 7 });
    const id = newId();
    const config = auditConfigSchema.parse({ kind: "audit", models: [id], dataset: "mnist", batchSize: 5, sampleSize: 9, keepExamples: 0, attribution: { steps: 3 }, attacks: [{ kind: "pgd", epsilon: 0.1, steps: 2 }, { kind: "inductive-noise", type: "I", k: [4] }] });
    const network = randomNetwork(session, crooked, { inputShape: dataset.inputShape, classCount: 3, mean: dataset.mean, std: dataset.std }, 4);
    const results: ResultsInput[] = [];
    try {
      await audit(session, [{ id, name: "one", network }], dataset, config, 1n, () => Promise.reject(new Error("nothing is kept")), (some) => { results.push(some); });
    } finally { session.dispose(); }
    return JSON.parse(JSON.stringify(results).replaceAll(id, "id")) as ResultsInput[];
  };

  it("trains to the same bits as one in memory, three batches asked for at a time", async () => {
    const streamed = late(toy);
    assert.deepEqual(await trainOn(streamed), await trainOn(toy));
    assert.equal(streamed.splits.train.most, 3);
  });
  it("is audited to the same numbers", async () => {
    const streamed = late(toy);
    assert.deepEqual(await auditOn(streamed), await auditOn(toy));
    assert.equal(streamed.splits.test.most, 3);
  });
  it("ends a run with the error of the file that it cannot read, and reads no further", async () => {
    for (const run of [trainOn, auditOn]) {
      const damaged = late(toy, 3);
      await assert.rejects(run(damaged), { code: "DATASET_CORRUPT", message: /^7\.png/ });
      const asked = [damaged.splits.train.asked, damaged.splits.test.asked];
      await new Promise<void>((done) => { setImmediate(done); });
      assert.deepEqual([damaged.splits.train.waiting, damaged.splits.test.waiting], [0, 0]);
      assert.deepEqual([damaged.splits.train.asked, damaged.splits.test.asked], asked);
    }
  });
  it("with a constant channel is not trained on", async () => {
    await assert.rejects(trainOn({ ...toy, std: [0] }), { code: "DATASET_CORRUPT", message: /expected images whose channels vary/ });
  });
});
