import { existsSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../../common/errors.ts";
import { corrupt, readDataFile } from "./data-file.ts";
import type { Split, SplitName } from "./dataset.ts";

/** CIFAR-10 in its authors' binary version (cs.toronto.edu/~kriz/cifar.html): records of one label byte and three 32×32 planes, R, G, B. */

const SIDE = 32;
const IMAGE = 3 * SIDE * SIDE;
const RECORD = 1 + IMAGE;
const MAX_RECORDS = 10_000;
const CLASS_COUNT = 10;

const FILES: Record<SplitName, readonly string[]> = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ["test_batch.bin"],
};

/** Reads both splits from the first of `folders` that has all six files. @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT. */
export function readCifar10(folders: readonly string[]): Record<SplitName, Split> {
  const names = [...FILES.train, ...FILES.test];
  const folder = folders.find((candidate) => names.every((name) => existsSync(join(candidate, name))));
  if (folder === undefined) {
    throw new AppError("DATASET_UNAVAILABLE", `cifar10: expected ${names.join(", ")} in ${folders.join(" or ")}, found none or not all; unpack cifar-10-binary.tar.gz (cs.toronto.edu/~kriz/cifar.html) there`, { dataset: "cifar10", folders });
  }
  return { train: readSplit(folder, FILES.train), test: readSplit(folder, FILES.test) };
}

function readSplit(folder: string, names: readonly string[]): Split {
  const parts = names.map((name) => {
    const file = join(folder, name);
    return parseCifar10(file, readDataFile(file, MAX_RECORDS * RECORD));
  });
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const images = new Uint8Array(count * IMAGE);
  const labels = new Uint8Array(count);
  let first = 0;
  for (const part of parts) {
    images.set(part.images, first * IMAGE);
    labels.set(part.labels, first);
    first += part.count;
  }
  return { count, images, labels };
}

/** One file: [count, 3, 32, 32] and [count]. @throws AppError DATASET_CORRUPT naming file and byte. */
export function parseCifar10(file: string, bytes: Uint8Array): Split {
  const count = Math.floor(bytes.length / RECORD);
  if (count < 1 || bytes.length !== count * RECORD) throw corrupt(file, count * RECORD, `whole records of ${RECORD} bytes`, `${bytes.length - count * RECORD} bytes`);
  const images = new Uint8Array(count * IMAGE);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = bytes[i * RECORD]!;
    if (label >= CLASS_COUNT) throw corrupt(file, i * RECORD, `a label below ${CLASS_COUNT}`, label);
    labels[i] = label;
    images.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), i * IMAGE);
  }
  return { count, images, labels };
}
