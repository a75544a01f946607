import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { gather } from "../../../services/lab/data/dataset.ts";
import { TrainingImages } from "../../../services/lab/training/training-images.ts";
import { toyDataset } from "../../support/toy-dataset.ts";

const toy = toyDataset(); // 96 training images
const plain = { batchSize: 20, augmentation: { cropPadding: 0, flip: false } };
const idsOf = (images: TrainingImages, epoch: number): number[] => [...images.epoch(epoch)].flatMap(({ ids }) => [...ids]);

describe("the images of a training", () => {
  const images = new TrainingImages(toy, plain, 9n);

  it("come in full batches without a repeat, the rest left out", () => {
    assert.equal(images.stepsPerEpoch, 4);
    assert.equal(new Set(idsOf(images, 0)).size, 80);
  });
  it("come in another order each epoch and under another seed, in the same one again", () => {
    assert.notDeepEqual(idsOf(images, 0), idsOf(images, 1));
    assert.notDeepEqual(idsOf(images, 0), idsOf(new TrainingImages(toy, plain, 10n), 0));
    assert.deepEqual(idsOf(images, 3), idsOf(new TrainingImages(toy, plain, 9n), 3));
  });
  it("are all seen in the long run", () => assert.equal(new Set(Array.from({ length: 20 }, (_, e) => idsOf(images, e)).flat()).size, 96));
  it("go with their pixels and labels", () => {
    for (const { image, labels, ids } of images.epoch(2)) {
      assert.deepEqual(image, gather(toy, "train", ids));
      assert.deepEqual([...labels], [...ids].map((id) => toy.splits.train.labels[id]));
    }
  });
  it("are a seeded choice when only some are wanted", () => {
    const some = new TrainingImages(toy, { ...plain, trainCount: 30 }, 9n);
    assert.deepEqual([some.indices.length, new Set(some.indices).size, some.stepsPerEpoch], [30, 30, 1]);
    assert.ok(idsOf(some, 0).every((id) => some.indices.includes(id)), "only chosen ones");
    assert.notDeepEqual(some.indices, new TrainingImages(toy, { ...plain, trainCount: 30 }, 8n).indices);
  });
  it("are augmented when asked, differently each epoch", () => {
    const augmented = new TrainingImages(toy, { batchSize: 96, augmentation: { cropPadding: 2, flip: true } }, 9n);
    const byId = (epoch: number): Float32Array[] => {
      const { image, ids } = [...augmented.epoch(epoch)][0]!;
      const sorted: Float32Array[] = [];
      ids.forEach((id, i) => { sorted[id] = image.subarray(i * 64, (i + 1) * 64); });
      return sorted;
    };
    assert.notDeepEqual(byId(0), byId(1));
    assert.deepEqual(byId(0), byId(0));
  });
});
