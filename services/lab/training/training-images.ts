import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { Rng } from "../../common/rng.ts";
import { ahead } from "../data/ahead.ts";
import { gatherAugmented } from "../data/augment.ts";
import { type Dataset, gather, gatherLabels } from "../data/dataset.ts";
import { STREAM } from "../streams.ts";
import type { TrainingBatch } from "./training-step.ts";

type Choice = Pick<TrainConfig, "trainCount" | "batchSize" | "augmentation">;

/** Which images a training sees, in which order: pure functions of the seed and the epoch. */
export class TrainingImages {
  /** Indices in the training split, rising. */
  readonly indices: Uint32Array;
  readonly stepsPerEpoch: number;

  /** @throws AppError INVALID_INPUT for a trainCount beyond the split or a batch larger than the images used. */
  constructor(readonly dataset: Dataset, readonly choice: Choice, readonly seed: bigint) {
    const all = dataset.splits.train.count;
    const { trainCount = all, batchSize } = choice;
    if (trainCount > all) throw new AppError("INVALID_INPUT", `training: expected trainCount of at most ${all} (${dataset.name}), got ${trainCount}`, { field: "trainCount" });
    if (batchSize > trainCount) throw new AppError("INVALID_INPUT", `training: expected batchSize of at most the ${trainCount} training images, got ${batchSize}`, { field: "batchSize" });
    this.indices = new Rng(seed, STREAM.subset).permutation(all).subarray(0, trainCount).sort();
    this.stepsPerEpoch = Math.floor(trainCount / batchSize);
  }

  /** The epoch's full batches; the images left over are left out of it, other ones each time. */
  epoch(epoch: number): AsyncGenerator<TrainingBatch, void, undefined> {
    return ahead(this.#steps(epoch), async (ids) => ({ image: await this.#pixels(ids, epoch), labels: gatherLabels(this.dataset, "train", ids), ids }));
  }

  *#steps(epoch: number): Generator<Uint32Array> {
    const { batchSize } = this.choice;
    const order = new Rng(this.seed, STREAM.shuffle + epoch).permutation(this.indices.length);
    for (let step = 0; step < this.stepsPerEpoch; step++) {
      yield order.subarray(step * batchSize, (step + 1) * batchSize).map((position) => this.indices[position]!);
    }
  }

  #pixels(ids: Uint32Array, epoch: number): Promise<Float32Array> {
    const { augmentation } = this.choice;
    const plain = augmentation.cropPadding === 0 && !augmentation.flip;
    return plain ? gather(this.dataset, "train", ids) : gatherAugmented(this.dataset, "train", ids, augmentation, this.seed, epoch);
  }
}
