import { AppError } from "../../common/errors.ts";
import { ContentMeter } from "./content-meter.ts";
import type { MemorySplit } from "./memory-split.ts";

/** [c, h, w] */
export type InputShape = readonly [number, number, number];
export type SplitName = "train" | "test";

/** Bytes 0 … 255 as most sets are published, or f32 in [0, 1]; what leaves `gather` is v/255, or v. */
export type Pixels = Uint8Array | Float32Array;
/** Class indices; two bytes each where there are more than 256 classes. */
export type Labels = Uint8Array | Uint16Array;

/** Images of which all bytes are in memory (MemorySplit), or that are read and decoded when they are asked for. */
export interface Split {
  readonly count: number;
  /** [count] */
  readonly labels: Labels;
  /** @returns [indices.length, c, h, w], always of the same type, in the order asked for. `indices` lie in [0, count). @throws AppError DATASET_CORRUPT, DATASET_UNAVAILABLE naming the file. */
  images(indices: ArrayLike<number>): Promise<Pixels>;
}

/** Labelled images. Never modified. */
export interface Dataset {
  readonly name: string;
  readonly title: string;
  readonly classes: readonly string[];
  readonly inputShape: InputShape;
  readonly licence: string;
  readonly source: string;
  /** The training split may be empty. */
  readonly splits: Readonly<Record<SplitName, Split>>;
  /** Per channel, over all pixels of the training split (of the test split when that is empty), in [0, 1] units. */
  readonly mean: readonly number[];
  /** Population standard deviation; 0 for a channel that is constant. */
  readonly std: readonly number[];
  /** sha256, hex, over shape, images and labels of both splits: what numbers were made on. */
  readonly contentHash: string;
}

export type DatasetContent<S extends Split = Split> = Pick<Dataset, "name" | "title" | "classes" | "inputShape" | "licence" | "source"> & { readonly splits: Readonly<Record<SplitName, S>> };

export type MemoryDataset = Dataset & DatasetContent<MemorySplit>;

/** Adds what follows from the content of a set in memory. @throws AppError DATASET_CORRUPT when a channel is constant: it cannot be normalised. */
export function makeDataset(content: DatasetContent<MemorySplit>): MemoryDataset {
  const meter = new ContentMeter(content);
  for (const name of ["train", "test"] as const) {
    meter.add(name, content.splits[name].pixels);
    meter.end(name);
  }
  const dataset = { ...content, ...meter.result() };
  requireVariation(dataset);
  return dataset;
}

/** @throws AppError DATASET_CORRUPT when a channel is constant: networks divide by its deviation. */
export function requireVariation({ name, std }: Pick<Dataset, "name" | "std">): void {
  if (!std.every((s) => s > 0)) throw new AppError("DATASET_CORRUPT", `${name}: expected images whose channels vary, got standard deviations ${std.join(", ")}`, { std });
}

/** Number of sub-pixels of one image: channels × height × width, the paper's M. */
export function subPixels([c, h, w]: InputShape): number { return c * h * w; }

/**
 * The images at `indices`, in that order; repeats are allowed.
 *
 * @returns [indices.length, m] f32 in [0, 1]: v/255 rounded once, as every other tool does it.
 * @throws AppError VALUE_RANGE for an index outside the split; DATASET_CORRUPT, DATASET_UNAVAILABLE of sets that are read on demand.
 */
export async function gather(dataset: Dataset, split: SplitName, indices: ArrayLike<number>): Promise<Float32Array> {
  const pixels = await gatherPixels(dataset, split, indices);
  if (pixels instanceof Float32Array) return pixels;
  const x = new Float32Array(pixels.length);
  for (let p = 0; p < x.length; p++) x[p] = pixels[p]! / 255;
  return x;
}

/** The images at `indices` as they are kept, [indices.length, m]. @throws as `gather`. */
export async function gatherPixels({ name, splits }: Dataset, split: SplitName, indices: ArrayLike<number>): Promise<Pixels> {
  for (let i = 0; i < indices.length; i++) checkedIndex(name, split, indices[i]!, splits[split].count);
  return splits[split].images(indices);
}

/** Class indices [indices.length], as the device takes them. @throws AppError VALUE_RANGE for an index outside the split. */
export function gatherLabels(dataset: Dataset, split: SplitName, indices: ArrayLike<number>): Uint32Array {
  const { labels, count } = dataset.splits[split];
  return Uint32Array.from(indices, (index) => labels[checkedIndex(dataset.name, split, index, count)]!);
}

function checkedIndex(name: string, split: SplitName, index: number, count: number): number {
  if (Number.isInteger(index) && index >= 0 && index < count) return index;
  throw new AppError("VALUE_RANGE", `${name}/${split}: expected an image index in [0, ${count}), got ${index}`, { dataset: name, split, index, count });
}
