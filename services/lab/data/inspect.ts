import { createHash } from "node:crypto";

import type { DatasetReport } from "../../../schema/jobs/dataset.ts";
import { type Dataset, type SplitName, subPixels } from "./dataset.ts";
import { MemorySplit } from "./memory-split.ts";
import { listingHash } from "./open-dataset.ts";

type Warning = DatasetReport["warnings"][number];

/** What is stored of a data set and shown: its hashes, counts, statistics, and what somebody should know before using it. */
export async function inspect(dataset: Dataset): Promise<DatasetReport> {
  const { inputShape: [c, h, w], classes, contentHash, mean, std, splits } = dataset;
  const report = (name: SplitName): DatasetReport["test"] => ({ count: splits[name].count, perClass: countsOf(splits[name].labels, classes.length) });
  const [train, test] = [report("train"), report("test")];
  return {
    inputShape: [c, h, w], classes: [...classes], contentHash, listingHash: await listingHash(dataset),
    train, test, mean: [...mean], std: [...std],
    warnings: [...emptyClasses(classes, train, test), ...constantChannels(std), ...duplicates(dataset)],
  };
}

/** Images of each class. */
export function countsOf(labels: ArrayLike<number>, classCount: number): number[] {
  const counts = new Array<number>(classCount).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
}

function emptyClasses(classes: readonly string[], train: DatasetReport["train"], test: DatasetReport["test"]): Warning[] {
  const warnings: Warning[] = [];
  const empty = classes.filter((_, k) => test.perClass[k] === 0);
  if (empty.length > 0) warnings.push({ code: "EMPTY_CLASS", message: `the test split has no image of ${empty.length} of ${classes.length} classes: ${listed(empty)}` });
  const unseen = classes.filter((_, k) => train.count > 0 && train.perClass[k] === 0 && test.perClass[k]! > 0);
  if (unseen.length > 0) warnings.push({ code: "UNSEEN_CLASS", message: `the training split has no image of ${unseen.length} classes that the test split has: ${listed(unseen)}` });
  return warnings;
}

function listed(names: readonly string[]): string { return names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : ""); }

function constantChannels(std: readonly number[]): Warning[] {
  return std.flatMap((s, k) => (s > 0 ? [] : [{ code: "CONSTANT_CHANNEL" as const, message: `channel ${k} has the same value in every pixel: a network cannot be trained on it, as it is divided by its standard deviation` }]));
}

/** Test images that the training split has too, byte for byte; only of sets in memory. */
function duplicates({ splits: { train, test }, inputShape }: Dataset): Warning[] {
  if (!(train instanceof MemorySplit && test instanceof MemorySplit)) return [];
  const m = subPixels(inputShape);
  const hashes = ({ pixels, count }: MemorySplit): string[] => Array.from({ length: count }, (_, i) => createHash("sha256").update(pixels.subarray(i * m, (i + 1) * m)).digest("base64"));
  const known = new Set(hashes(train));
  const repeated = hashes(test).flatMap((hash, i) => (known.has(hash) ? [String(i)] : []));
  return repeated.length === 0 ? [] : [{ code: "DUPLICATE_IMAGES", message: `${repeated.length} test images are training images too: ${listed(repeated)}` }];
}
