import { createHash } from "node:crypto";

import type { DatasetReport, DatasetSource } from "../../../schema/jobs/dataset.ts";
import { AppError, assertNever } from "../../common/errors.ts";
import { ahead } from "./ahead.ts";
import { ContentMeter } from "./content-meter.ts";
import { type Dataset, type DatasetContent, type InputShape, type Pixels, type Split, subPixels } from "./dataset.ts";
import { MemorySplit } from "./memory-split.ts";
import { openCifarC, openNpy, openNpz } from "./sources/arrays.ts";
import { openCifar } from "./sources/cifar.ts";
import { openIdx } from "./sources/idx.ts";
import type { Locate, Opened } from "./sources/opened.ts";
import { openImageFolder, openImageList, openImagenet, openImagenetC, openTinyImagenet } from "./sources/pictures.ts";
import { isStreamed } from "./streamed-split.ts";

/** Opens data sets that somebody brings, in any of the forms of DatasetSource. */

export type DatasetCard = Pick<Dataset, "name" | "title" | "licence" | "source">;

export interface OpenOptions {
  readonly locate: Locate;
  /** What the set was when it was registered: it must be the same, and one that is streamed is then not read in full again. */
  readonly known?: Pick<DatasetReport, "contentHash" | "listingHash" | "mean" | "std">;
  readonly signal?: AbortSignal;
  /** Images measured, of all; not of a known set that is streamed. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Splits of at most so many sub-pixels (bytes, or floats of four) are read once and kept: 890 images of 3×224×224. Larger ones are read again whenever they are needed. */
const KEPT_SUB_PIXELS = 2 ** 27;
/** Sub-pixels of a streamed split that are read at a time to learn what it is made of. */
const PIECE_SUB_PIXELS = 2 ** 22;
/** Images of a streamed split that are looked at when it is opened again, evenly spaced. */
const SPOT_CHECKS = 16;
const NO_IMAGES = new MemorySplit(new Uint8Array(0), new Uint8Array(0));

/**
 * @param card the name and what else the images do not say.
 * @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT naming file and position; what `locate` throws; the signal's reason.
 */
export async function openDataset(source: DatasetSource, card: DatasetCard, options: OpenOptions): Promise<Dataset> {
  const { train = NO_IMAGES, test, classes, inputShape } = await openSource(source, options.locate);
  const kept = { train: await keep(train, inputShape, options.signal), test: await keep(test, inputShape, options.signal) };
  const content: DatasetContent = { ...card, classes, inputShape, splits: kept };
  const { known } = options;
  if (known && !inMemory(content)) {
    requireSame(card.name, "files", await listingHash(content), known.listingHash);
    return { ...content, mean: known.mean, std: known.std, contentHash: known.contentHash };
  }
  const dataset = { ...content, ...(await measure(content, options)) };
  if (known) requireSame(card.name, "images and labels", dataset.contentHash, known.contentHash);
  return dataset;
}

/** Says whether a set that is streamed is still the one that was registered, from its files' names and sizes and a few of its images. */
export async function listingHash(content: DatasetContent): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify({ inputShape: content.inputShape, classes: content.classes.length }));
  for (const name of ["train", "test"] as const) {
    const split = content.splits[name];
    hash.update(`\n${name} ${split.count}\n`).update(split.labels);
    if (isStreamed(split)) for (const line of split.listing()) hash.update(`${line}\n`);
    const spots = Math.min(SPOT_CHECKS, split.count);
    for (let i = 0; i < spots; i++) hash.update(await split.images([Math.floor((i * split.count) / spots)]));
  }
  return hash.digest("hex");
}

function openSource(source: DatasetSource, locate: Locate): Promise<Opened> {
  switch (source.kind) {
    case "cifar": return openCifar(source, locate);
    case "idx": return openIdx(source, locate);
    case "image-folder": return openImageFolder(source, locate);
    case "npy": return openNpy(source, locate);
    case "npz": return openNpz(source, locate);
    case "tiny-imagenet": return openTinyImagenet(source, locate);
    case "imagenet": return openImagenet(source, locate);
    case "cifar-c": return openCifarC(source, locate);
    case "imagenet-c": return openImagenetC(source, locate);
    case "image-list": return openImageList(source, locate);
    default: return assertNever(source);
  }
}

/** Whether both splits were read and kept. */
export function inMemory({ splits }: Pick<DatasetContent, "splits">): boolean { return !isStreamed(splits.train) && !isStreamed(splits.test); }

/** A small split as bytes in memory; a large one as it is. */
async function keep(split: Split, inputShape: InputShape, signal: AbortSignal | undefined): Promise<Split> {
  const m = subPixels(inputShape);
  if (!isStreamed(split) || split.count * m > KEPT_SUB_PIXELS) return split;
  let pixels: Pixels | undefined;
  let first = 0;
  for await (const piece of pieces(split, m, signal)) {
    pixels ??= new (piece.constructor as new (length: number) => Pixels)(split.count * m);
    pixels.set(piece, first * m);
    first += piece.length / m;
  }
  return new MemorySplit(pixels!, split.labels);
}

async function measure(content: DatasetContent, { signal, onProgress = () => undefined }: OpenOptions): Promise<Pick<Dataset, "mean" | "std" | "contentHash">> {
  const meter = new ContentMeter(content);
  const m = subPixels(content.inputShape);
  const total = content.splits.train.count + content.splits.test.count;
  let done = 0;
  for (const name of ["train", "test"] as const) {
    for await (const piece of pieces(content.splits[name], m, signal)) {
      meter.add(name, piece);
      onProgress((done += piece.length / m), total);
    }
    meter.end(name);
  }
  return meter.result();
}

/** All images of a split in order, a few at a time. */
function pieces(split: Split, m: number, signal?: AbortSignal): AsyncGenerator<Pixels, void, undefined> {
  const size = Math.max(1, Math.floor(PIECE_SUB_PIXELS / m));
  const firsts = Array.from({ length: Math.ceil(split.count / size) }, (_, i) => i * size);
  return ahead(firsts, (first) => {
    signal?.throwIfAborted();
    return split.images(Array.from({ length: Math.min(size, split.count - first) }, (_, i) => first + i));
  }, 1);
}

function requireSame(name: string, what: string, got: string, expected: string): void {
  if (got !== expected) throw new AppError("DATASET_CORRUPT", `${name}: expected the ${what} that were registered (sha256 ${expected.slice(0, 12)}…), got others (${got.slice(0, 12)}…); register the changed data set under another name`, { dataset: name });
}
