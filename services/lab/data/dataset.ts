import { createHash } from "node:crypto";

import type { DatasetName } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";

/** [c, h, w] */
export type InputShape = readonly [number, number, number];
export type SplitName = "train" | "test";

export interface Split {
  readonly count: number;
  /** [count, c, h, w], 0 … 255; what leaves `gather` is v/255. */
  readonly images: Uint8Array;
  /** [count] class indices. */
  readonly labels: Uint8Array;
}

/** Labelled images, held as the bytes they were published in. Plain data, never modified. */
export interface Dataset {
  readonly name: DatasetName;
  readonly title: string;
  readonly classes: readonly string[];
  readonly inputShape: InputShape;
  readonly licence: string;
  readonly source: string;
  readonly splits: Readonly<Record<SplitName, Split>>;
  /** Per channel, over all pixels of the training split, in [0, 1] units. */
  readonly mean: readonly number[];
  /** Population standard deviation; positive. */
  readonly std: readonly number[];
  /** sha256, hex, over shape, images and labels of both splits: what numbers were made on. */
  readonly contentHash: string;
}

export type DatasetContent = Pick<Dataset, "name" | "title" | "classes" | "inputShape" | "licence" | "source" | "splits">;

/** Adds what follows from the content. @throws AppError DATASET_CORRUPT when a channel is constant: it cannot be normalised. */
export function makeDataset(content: DatasetContent): Dataset {
  const { mean, std } = channelStatistics(content.splits.train.images, content.inputShape);
  if (!std.every((s) => s > 0)) throw new AppError("DATASET_CORRUPT", `${content.name}: expected images whose channels vary, got standard deviations ${std.join(", ")}`, { std });
  return { ...content, mean, std, contentHash: hashContent(content) };
}

/** Number of sub-pixels of one image: channels × height × width, the paper's M. */
export function subPixels([c, h, w]: InputShape): number { return c * h * w; }

/**
 * The images at `indices`, in that order; repeats are allowed.
 *
 * @returns [indices.length, m] f32 in [0, 1]: v/255 rounded once, as every other tool does it.
 * @throws AppError VALUE_RANGE for an index outside the split.
 */
export function gather(dataset: Dataset, split: SplitName, indices: ArrayLike<number>): Float32Array {
  const { images, count } = dataset.splits[split];
  const m = subPixels(dataset.inputShape);
  const x = new Float32Array(indices.length * m);
  for (let i = 0; i < indices.length; i++) {
    const from = checkedIndex(dataset.name, split, indices[i]!, count) * m;
    for (let p = 0; p < m; p++) x[i * m + p] = images[from + p]! / 255;
  }
  return x;
}

/** Class indices [indices.length], as the device takes them. @throws AppError VALUE_RANGE for an index outside the split. */
export function gatherLabels(dataset: Dataset, split: SplitName, indices: ArrayLike<number>): Uint32Array {
  const { labels, count } = dataset.splits[split];
  return Uint32Array.from(indices, (index) => labels[checkedIndex(dataset.name, split, index, count)]!);
}

export function checkedIndex(name: string, split: SplitName, index: number, count: number): number {
  if (Number.isInteger(index) && index >= 0 && index < count) return index;
  throw new AppError("VALUE_RANGE", `${name}/${split}: expected an image index in [0, ${count}), got ${index}`, { dataset: name, split, index, count });
}

/** From a histogram per channel, so that the sums are exact integers whatever the size. */
function channelStatistics(images: Uint8Array, [c, h, w]: InputShape): { mean: number[]; std: number[] } {
  const area = h * w;
  const histogram = Array.from({ length: c }, () => new Float64Array(256));
  for (let start = 0, channel = 0; start < images.length; start += area, channel = (channel + 1) % c) {
    const bins = histogram[channel]!;
    for (let p = start; p < start + area; p++) bins[images[p]!]!++;
  }
  const pixels = images.length / c;
  const mean = histogram.map((bins) => bins.reduce((sum, count, v) => sum + count * v, 0) / pixels);
  const std = histogram.map((bins, k) => Math.sqrt(bins.reduce((sum, count, v) => sum + count * (v - mean[k]!) ** 2, 0) / pixels));
  return { mean: mean.map((v) => v / 255), std: std.map((v) => v / 255) };
}

function hashContent({ inputShape, splits }: DatasetContent): string {
  const hash = createHash("sha256").update(JSON.stringify({ inputShape, train: splits.train.count, test: splits.test.count }));
  for (const split of [splits.train, splits.test]) hash.update(split.images).update(split.labels);
  return hash.digest("hex");
}
