import { existsSync } from "node:fs";
import { join } from "node:path";

import type { DatasetSource } from "../../../schema/jobs/dataset.ts";
import { ByteReader } from "../formats/byte-reader.ts";
import { NumpyArray, numpyGlobals } from "../formats/numpy-pickle.ts";
import { latin1Bytes, readPickle } from "../formats/pickle.ts";
import { CIFAR100_COARSE, CIFAR100_FINE, CIFAR10_CLASSES } from "./cifar-classes.ts";
import { corrupt, failOf, isGzip, readWhole } from "./data-file.ts";
import type { InputShape, SplitName } from "./dataset.ts";
import { MemorySplit } from "./memory-split.ts";

/** CIFAR-10 and CIFAR-100 as published (cs.toronto.edu/~kriz/cifar.html): records of bytes, or Python pickles. */

export type CifarSource = Extract<DatasetSource, { kind: "cifar" }>;
export type CifarSet = CifarSource["set"];
/** Fine or coarse, of CIFAR-100; CIFAR-10 has one kind. */
type LabelKind = CifarSource["labels"];

export const CIFAR_SHAPE: InputShape = [3, 32, 32];
const IMAGE = 3 * 32 * 32;
/** CIFAR-100's training file, 155 MB as a pickle, is the largest. */
const MAX_BYTES = 2 ** 28;
const PICKLE = 0x80;

const FILES: Readonly<Record<CifarSet, readonly Readonly<Record<SplitName, readonly string[]>>[]>> = {
  cifar10: [".bin", ""].map((end) => ({ train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}${end}`), test: [`test_batch${end}`] })),
  cifar100: [".bin", ""].map((end) => ({ train: [`train${end}`], test: [`test${end}`] })),
};
const FOLDERS: Readonly<Record<CifarSet, readonly string[]>> = { cifar10: ["", "cifar-10-batches-bin", "cifar-10-batches-py"], cifar100: ["", "cifar-100-binary", "cifar-100-python"] };

/** The files of both splits, in either layout, in the folder or in the one that its archive unpacks to; undefined when they are not all there. */
export function findCifar(set: CifarSet, folder: string): Record<SplitName, string[]> | undefined {
  for (const inside of FOLDERS[set]) for (const { train, test } of FILES[set]) {
    const [found, held] = [train, test].map((names) => names.map((name) => join(folder, inside, name))) as [string[], string[]];
    if ([...found, ...held].every((file) => existsSync(file))) return { train: found, test: held };
  }
  return undefined;
}

/** What `findCifar` looks for. */
export function cifarFileNames(set: CifarSet): string { return FILES[set].map(({ train, test }) => [...train, ...test].join(", ")).join(", or "); }

export function cifarClasses(set: CifarSet, labels: LabelKind): readonly string[] {
  if (set === "cifar10") return CIFAR10_CLASSES;
  return labels === "fine" ? CIFAR100_FINE : CIFAR100_COARSE;
}

/** The images of all files, one after the other. @throws AppError DATASET_CORRUPT naming file and position, DATASET_UNAVAILABLE. */
export function readCifar(files: readonly string[], set: CifarSet, labels: LabelKind = "fine"): MemorySplit {
  return joined(files.map((file) => parseCifarFile(file, readWhole(file, MAX_BYTES), set, labels)));
}

/** One file of either layout. @throws AppError DATASET_CORRUPT naming file and position. */
export function parseCifarFile(file: string, bytes: Uint8Array, set: CifarSet, labels: LabelKind): MemorySplit {
  // Neither byte can begin a record: labels are below 100, in the first place below 20.
  if (isGzip(bytes)) throw failOf(file)("refused", "expected a file of CIFAR, got a gzip archive; unpack it (tar xf) and name the folder or the files in it");
  const classCount = cifarClasses(set, labels).length;
  return bytes[0] === PICKLE ? parsePickle(file, bytes, set, labels, classCount) : parseRecords(file, bytes, set, labels, classCount);
}

/** CIFAR-10: label, planes R, G, B of 32×32. CIFAR-100: coarse label, fine label, planes. */
function parseRecords(file: string, bytes: Uint8Array, set: CifarSet, labels: LabelKind, classCount: number): MemorySplit {
  const head = set === "cifar10" ? 1 : 2;
  const at = set === "cifar100" && labels === "fine" ? 1 : 0;
  const record = head + IMAGE;
  const count = Math.floor(bytes.length / record);
  if (count < 1 || bytes.length !== count * record) throw corrupt(file, count * record, `whole records of ${record} bytes`, `${bytes.length - count * record} bytes`);
  const pixels = new Uint8Array(count * IMAGE);
  const found = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = bytes[i * record + at]!;
    if (label >= classCount) throw corrupt(file, i * record + at, `a label below ${classCount}`, label);
    found[i] = label;
    pixels.set(bytes.subarray(i * record + head, (i + 1) * record), i * IMAGE);
  }
  return new MemorySplit(pixels, found);
}

/** A dict with data, an array [n, 3072] of u8, and a list of labels. */
function parsePickle(file: string, bytes: Uint8Array, set: CifarSet, labels: LabelKind, classCount: number): MemorySplit {
  const fail = failOf(file);
  const value = readPickle(new ByteReader(bytes, fail), { globals: numpyGlobals(fail), advice: "the published files need no such name", fail });
  const key = set === "cifar10" ? "labels" : `${labels}_labels`;
  const fields = new Map([...(value instanceof Map ? value : new Map<unknown, unknown>())].map(([name, field]) => [nameOf(name), field as unknown]));
  const [data, list] = [fields.get("data"), fields.get(key)];
  if (!(data instanceof NumpyArray) || !Array.isArray(list)) throw fail("refused", `expected a dict with "data", an array, and "${key}", a list; got ${value instanceof Map ? [...fields.keys()].slice(0, 10).join(", ") : typeof value}`);
  if (data.type.item !== "u1" || data.fortran || data.shape.length !== 2 || data.shape[1] !== IMAGE || data.shape[0] !== list.length || list.length === 0) {
    throw fail("damaged", `expected "data" of u1 [${list.length}, ${IMAGE}], in C order, got ${data.type.item} [${data.shape.join(", ")}]`);
  }
  const wrong = list.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classCount));
  if (wrong >= 0) throw fail("damaged", `"${key}", label ${wrong}: expected a whole number below ${classCount}, got ${String(list[wrong])}`);
  return new MemorySplit(Uint8Array.from(data.bytes()), Uint8Array.from(list as number[]));
}

/** Python 2 wrote names as str, Python 3 writes them as text or as bytes. */
function nameOf(value: unknown): string { return typeof value === "string" ? value : Buffer.from(latin1Bytes(value) ?? []).toString("latin1"); }

function joined(parts: readonly MemorySplit[]): MemorySplit {
  if (parts.length === 1) return parts[0]!;
  return new MemorySplit(Uint8Array.from(Buffer.concat(parts.map(({ pixels }) => pixels as Uint8Array))), Uint8Array.from(Buffer.concat(parts.map(({ labels }) => labels as Uint8Array))));
}
