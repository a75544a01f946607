import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { gather } from "../../../services/lab/data/dataset.ts";
import { TrainingImages } from "../../../services/lab/training/training-images.ts";
import type { TrainingBatch } from "../../../services/lab/training/training-step.ts";
import { toyDataset } from "../../support/toy-dataset.ts";

const toy = toyDataset(); // 96 training images
const plain = { batchSize: 20, augmentation: { cropPadding: 0, flip: false } };
const batchesOf = async (images: TrainingImages, epoch: number): Promise<TrainingBatch[]> => {
  const batches: TrainingBatch[] = [];
  for await (const batch of images.epoch(epoch)) batches.push(batch);
  return batches;
};
const idsOf = async (images: TrainingImages, epoch: number): Promise<number[]> => (await batchesOf(images, epoch)).flatMap(({ ids }) => [...ids]);

describe("the images of a training", () => {
  const images = new TrainingImages(toy, plain, 9n);

  it("come in full batches without a repeat, the rest left out", async () => {
    assert.equal(images.stepsPerEpoch, 4);
    assert.equal(new Set(await idsOf(images, 0)).size, 80);
  });
  it("come in another order each epoch and under another seed, in the same one again", async () => {
    assert.notDeepEqual(await idsOf(images, 0), await idsOf(images, 1));
    assert.notDeepEqual(await idsOf(images, 0), await idsOf(new TrainingImages(toy, plain, 10n), 0));
    assert.deepEqual(await idsOf(images, 3), await idsOf(new TrainingImages(toy, plain, 9n), 3));
  });
  it("are all seen in the long run", async () => assert.equal(new Set((await Promise.all(Array.from({ length: 20 }, (_, e) => idsOf(images, e)))).flat()).size, 96));
  it("go with their pixels and labels", async () => {
    for (const { image, labels, ids } of await batchesOf(images, 2)) {
      assert.deepEqual(image, await gather(toy, "train", ids));
      assert.deepEqual([...labels], [...ids].map((id) => toy.splits.train.labels[id]));
    }
  });
  it("are a seeded choice when only some are wanted", async () => {
    const some = new TrainingImages(toy, { ...plain, trainCount: 30 }, 9n);
    assert.deepEqual([some.indices.length, new Set(some.indices).size, some.stepsPerEpoch], [30, 30, 1]);
    assert.ok((await idsOf(some, 0)).every((id) => some.indices.includes(id)), "only chosen ones");
    assert.notDeepEqual(some.indices, new TrainingImages(toy, { ...plain, trainCount: 30 }, 8n).indices);
  });
  it("are augmented when asked, differently each epoch", async () => {
    const augmented = new TrainingImages(toy, { batchSize: 96, augmentation: { cropPadding: 2, flip: true } }, 9n);
    const byId = async (epoch: number): Promise<Float32Array[]> => {
      const { image, ids } = (await batchesOf(augmented, epoch))[0]!;
      const sorted: Float32Array[] = [];
      ids.forEach((id, i) => { sorted[id] = image.subarray(i * 64, (i + 1) * 64); });
      return sorted;
    };
    assert.notDeepEqual(await byId(0), await byId(1));
    assert.deepEqual(await byId(0), await byId(0));
  });
});
