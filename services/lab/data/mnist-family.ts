import { existsSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../../common/errors.ts";
import { readDataFile } from "./data-file.ts";
import type { SplitName } from "./dataset.ts";
import { IDX_IMAGES_HEADER, parseIdxImages, parseIdxLabels } from "./idx.ts";
import { MemorySplit } from "./memory-split.ts";

/** MNIST and the sets that copy its file format and names (Fashion-MNIST): 28×28 grey images, ten classes, four files. */

export const SIDE = 28;
export const CLASS_COUNT = 10;
/** The published sets have 60,000 + 10,000 images; a file that claims many more is not one of them. */
const MAX_IMAGES = 100_000;
const MAX_BYTES = IDX_IMAGES_HEADER + MAX_IMAGES * SIDE * SIDE;

const PREFIX: Record<SplitName, string> = { train: "train", test: "t10k" };

/**
 * Reads both splits from the first of `folders` that has all four files, plain or .gz.
 *
 * @param advice what to install when none has.
 * @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT.
 */
export function readMnistFamily(name: string, folders: readonly string[], advice: string): Record<SplitName, MemorySplit> {
  for (const folder of folders) {
    const files = (["train", "test"] as const).map((split) => ({ images: find(folder, `${PREFIX[split]}-images-idx3-ubyte`), labels: find(folder, `${PREFIX[split]}-labels-idx1-ubyte`) }));
    const [train, test] = files.map(({ images, labels }) => images !== undefined && labels !== undefined ? { images, labels } : undefined);
    if (train && test) return { train: readSplit(train.images, train.labels), test: readSplit(test.images, test.labels) };
  }
  throw new AppError("DATASET_UNAVAILABLE", `${name}: expected {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz, in ${folders.join(" or ")}, found none; ${advice}`, { dataset: name, folders });
}

function find(folder: string, file: string): string | undefined {
  return [join(folder, file), join(folder, `${file}.gz`)].find((path) => existsSync(path));
}

function readSplit(imagesFile: string, labelsFile: string): MemorySplit {
  const { count, images } = parseIdxImages(imagesFile, readDataFile(imagesFile, MAX_BYTES), SIDE, SIDE);
  return new MemorySplit(images, parseIdxLabels(labelsFile, readDataFile(labelsFile, MAX_BYTES), count, CLASS_COUNT));
}
