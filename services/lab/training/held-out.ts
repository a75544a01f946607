import { Rng } from "../../common/rng.ts";
import type { Dataset } from "../data/dataset.ts";

/** Not the run's seed: what is measured during training is measured on the same images in every run on a data set, so that curves compare. */
const SEED = 0n;

/**
 * `count` test images (all, when there are fewer), in rising order.
 *
 * @param stream which choice: one per purpose (streams.ts).
 */
export function fixedTestImages(dataset: Dataset, count: number, stream: number): Uint32Array {
  return new Rng(SEED, stream).permutation(dataset.splits.test.count).subarray(0, count).sort();
}
