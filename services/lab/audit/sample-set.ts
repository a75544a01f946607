import type { SelectionConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { Rng } from "../../common/rng.ts";
import type { Dataset, SplitName } from "../data/dataset.ts";
import { Predictor } from "../models/predictor.ts";
import { type Network, requireFit } from "../models/network.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";

/** Predictions of several models for the same images. */
export interface Predictions {
  readonly split: SplitName;
  /** Image indices, in seeded order. */
  readonly order: readonly number[];
  /** One array per model: [order.length] predicted classes. */
  readonly classes: readonly Uint32Array[];
}

/** The images that a run is done on. */
export interface SampleSet {
  readonly split: SplitName;
  readonly indices: readonly number[];
}

/** Every model's prediction for every image of the split, in an order that depends on the seed alone. */
export async function predictAll(session: Session, networks: readonly Network[], dataset: Dataset, split: SplitName, seed: bigint): Promise<Predictions> {
  const { count } = dataset.splits[split];
  const order = Array.from(new Rng(seed, STREAM.selection).permutation(count));
  const classes: Uint32Array[] = [];
  for (const [i, network] of networks.entries()) {
    const own = session.child(); // twenty models' plans at once would not fit every device
    try {
      const predictor = await Predictor.prepare(own, network, count);
      classes.push(await predictor.predict(dataset, split, order, (done) => session.progress({ phase: "clean predictions", done: i * count + done, total: networks.length * count, etaSeconds: null, imagesPerSecond: null })));
    } finally { own.dispose(); }
  }
  return { split, order, classes };
}

/**
 * The first `size` images, in seeded order, that every model classifies correctly: the evaluation set of Duan et al. 2023.
 *
 * @throws AppError TOO_FEW_IMAGES with the number found.
 */
export function correctUnderAll({ split, order, classes }: Predictions, dataset: Dataset, size: number): SampleSet {
  const { labels } = dataset.splits[split];
  const indices: number[] = [];
  for (const [position, image] of order.entries()) {
    if (!classes.every((predicted) => predicted[position] === labels[image])) continue;
    indices.push(image);
    if (indices.length === size) return { split, indices };
  }
  const models = classes.length === 1 ? "the model classifies" : `all ${classes.length} models classify`;
  throw new AppError("TOO_FEW_IMAGES", `sample set: expected ${size} images of ${dataset.name}/${split} that ${models} correctly, found ${indices.length} of ${order.length}; ask for fewer or use better models`, { expected: size, found: indices.length, of: order.length });
}

/**
 * Images by a selection: named ones, or seeded ones; with `correctOnly` those that the model gets right.
 *
 * @returns also which of them the model gets right: error rates are over these.
 * @throws AppError DATASET_MISMATCH, INVALID_INPUT (an index outside the split), TOO_FEW_IMAGES.
 */
export async function select(session: Session, network: Network, dataset: Dataset, selection: SelectionConfig, seed: bigint): Promise<SampleSet & { readonly right: ReadonlySet<number> }> {
  const { split, count, indices, correctOnly } = selection;
  requireFit(network, dataset);
  const total = dataset.splits[split].count;
  const outside = indices?.find((i) => i >= total);
  if (outside !== undefined) throw new AppError("INVALID_INPUT", `selection: expected indices below ${total} (${dataset.name}/${split}), got ${outside}`, { field: "selection.indices" });
  if (correctOnly && indices === undefined) {
    const sample = correctUnderAll(await predictAll(session, [network], dataset, split, seed), dataset, count);
    return { ...sample, right: new Set(sample.indices) };
  }
  const wanted = indices ?? firstSeeded(dataset, split, count, seed);
  const predicted = await (await Predictor.prepare(session, network, wanted.length)).predict(dataset, split, wanted);
  const right = wanted.filter((image, i) => predicted[i] === dataset.splits[split].labels[image]);
  if (!correctOnly) return { split, indices: wanted, right: new Set(right) };
  if (right.length === 0) throw new AppError("TOO_FEW_IMAGES", `selection: expected at least one of the ${wanted.length} images to be classified correctly, none is; set correctOnly to false to use them all`, { expected: 1, found: 0, of: wanted.length });
  return { split, indices: right, right: new Set(right) };
}

function firstSeeded(dataset: Dataset, split: SplitName, count: number, seed: bigint): number[] {
  const total = dataset.splits[split].count;
  if (count > total) throw new AppError("TOO_FEW_IMAGES", `selection: expected ${count} images of ${dataset.name}/${split}, it has ${total}`, { expected: count, found: total });
  return Array.from(new Rng(seed, STREAM.selection).permutation(total).slice(0, count));
}
