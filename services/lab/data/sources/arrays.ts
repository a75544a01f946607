import { join } from "node:path";

import type { DatasetSource } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../common/errors.ts";
import type { Fail } from "../../formats/fail.ts";
import { type NpyArray, parseNpy } from "../../formats/npy.ts";
import { listZip, unpackMember, type ZipMember } from "../../formats/zip.ts";
import { CIFAR_SHAPE, cifarClasses } from "../cifar.ts";
import { failOf, fileBytes, readPieces, readWhole } from "../data-file.ts";
import type { InputShape, Split } from "../dataset.ts";
import { packLabels } from "../memory-split.ts";
import { npyMemorySplit, NpySplit } from "../npy-split.ts";
import { classNames, type Locate, MAX_CLASSES, type Opened, requireLabels, sameShape } from "./opened.ts";

/** NumPy arrays: .npy files of any size, .npz archives that fit into memory, and CIFAR-C, which is made of .npy files. */

type Source<K extends DatasetSource["kind"]> = Extract<DatasetSource, { kind: K }>;
interface Part { readonly split: Split; readonly imageShape: InputShape }
interface LabelArray { readonly file: string; readonly labels: Uint16Array }

/** Two million labels of eight bytes each. */
const MAX_LABEL_BYTES = 2 ** 24;
const MAX_NPZ_BYTES = 2 ** 30;

export async function openNpy({ layout, train, test, ...named }: Source<"npy">, locate: Locate): Promise<Opened> {
  const labelled = async ({ labels }: Source<"npy">["test"]): Promise<LabelArray> => { const file = await locate(labels); return { file, labels: readLabels(file) }; };
  const [trainLabels, testLabels] = [train && await labelled(train), await labelled(test)];
  const classes = checkedClasses(named, trainLabels, testLabels);
  const open = async ({ images }: Source<"npy">["test"], { labels }: LabelArray): Promise<Part> => {
    const file = await locate(images);
    const split = await NpySplit.open(file, layout, packLabels(labels, classes.length));
    requireCount(file, split.array.count, labels.length);
    return { split, imageShape: split.imageShape };
  };
  return assembled(classes, train && await open(train, trainLabels!), await open(test, testLabels));
}

export async function openNpz({ layout, file: ref, train, test, ...named }: Source<"npz">, locate: Locate): Promise<Opened> {
  const file = await locate(ref);
  const archive = await NpzArchive.open(file);
  const labelled = async (name: string): Promise<LabelArray> => ({ file: `${file}, ${name}`, labels: labelsOf(await archive.array(name), archive.fail(name)) });
  const [trainLabels, testLabels] = [train && await labelled(train.labels), await labelled(test.labels)];
  const classes = checkedClasses(named, trainLabels, testLabels);
  const open = async (name: string, { labels }: LabelArray): Promise<Part> => {
    const part = npyMemorySplit(await archive.array(name), layout, packLabels(labels, classes.length), archive.fail(name));
    requireCount(`${file}, ${name}`, part.split.pixels.length / part.imageShape.reduce((a, b) => a * b), labels.length);
    return part;
  };
  return assembled(classes, train && await open(train.images, trainLabels!), await open(test.images, testLabels));
}

/** CIFAR-10-C (Hendrycks & Dietterich 2019): one array of 50,000 images per corruption, 10,000 for each severity, and the labels of all. */
export async function openCifarC({ set, root, corruption, severity }: Source<"cifar-c">, locate: Locate): Promise<Opened> {
  const folder = await locate({ path: root });
  const inFolder = (name: string): Promise<string> => locate({ path: join(folder, name) });
  const [imagesFile, labelsFile] = [await inFolder(`${corruption}.npy`), await inFolder("labels.npy")];
  const labels = readLabels(labelsFile);
  const perSeverity = labels.length / 5;
  if (!Number.isInteger(perSeverity) || perSeverity === 0) throw failOf(labelsFile)("refused", `expected as many labels for each of 5 severities, got ${labels.length} labels`);
  const classes = cifarClasses(set, "fine");
  requireLabels(labelsFile, labels, classes.length);
  const first = (severity - 1) * perSeverity;
  const split = await NpySplit.open(imagesFile, "nhwc", packLabels(labels.subarray(first, first + perSeverity), classes.length), first);
  requireCount(imagesFile, split.array.count, labels.length);
  if (split.imageShape.join() !== CIFAR_SHAPE.join()) throw failOf(imagesFile)("refused", `expected images of 32×32×3, got [${split.array.shape.join(", ")}]`);
  return { classes, inputShape: CIFAR_SHAPE, train: undefined, test: split };
}

function assembled(classes: readonly string[], train: Part | undefined, test: Part): Opened {
  return { classes, inputShape: sameShape(train?.imageShape, test.imageShape), train: train?.split, test: test.split };
}

function checkedClasses(named: Pick<Source<"npy">, "classes" | "classCount">, train: LabelArray | undefined, test: LabelArray): readonly string[] {
  const parts = train ? [train, test] : [test];
  const classes = classNames(named, ...parts.map(({ labels }) => labels));
  for (const { file, labels } of parts) requireLabels(file, labels, classes.length);
  return classes;
}

function requireCount(file: string, images: number, labels: number): void {
  if (images !== labels) throw new AppError("DATASET_CORRUPT", `${file}: expected as many images as labels, ${labels}, got ${images}; give the labels of these images`, { file });
}

function readLabels(file: string): Uint16Array { return labelsOf(parseNpy(readWhole(file, MAX_LABEL_BYTES), failOf(file)), failOf(file)); }

/** [n] or [n, 1] whole numbers. */
function labelsOf({ shape, type, data }: NpyArray, fail: Fail): Uint16Array {
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1)) || data.length === 0) throw fail("refused", `expected labels [n], got an array [${shape.join(", ")}]`);
  if (type === "f32" || type === "f64") throw fail("refused", `expected whole numbers as labels, got ${type}; convert them with numpy's astype`);
  return Uint16Array.from({ length: data.length }, (_, i) => {
    const label = Number(data[i]);
    if (!(label >= 0 && label < MAX_CLASSES)) throw fail("damaged", `label ${i}: expected a number from 0 to ${MAX_CLASSES - 1}, got ${data[i]}`);
    return label;
  });
}

/** numpy.savez's archive: a .npy file for each array. */
class NpzArchive {
  private constructor(readonly file: string, readonly members: ReadonlyMap<string, ZipMember>) {}

  static async open(file: string): Promise<NpzArchive> {
    await fileBytes(file); // that it is a file, and may be read, is said in our words
    return new NpzArchive(file, await listZip(file, failOf(file)));
  }

  fail(name: string): Fail { return failOf(`${this.file}, ${name}`); }

  async array(name: string): Promise<NpyArray> {
    const member = this.members.get(`${name}.npy`) ?? this.members.get(name);
    if (!member) throw failOf(this.file)("refused", `expected an array ${JSON.stringify(name)}, got ${[...this.members.keys()].slice(0, 20).join(", ") || "an empty archive"}; say which are images and which are labels`);
    if (Math.max(member.bytes, member.packedBytes) > MAX_NPZ_BYTES) throw this.fail(name)("refused", `expected at most ${MAX_NPZ_BYTES} bytes, got ${member.bytes}; save larger arrays as .npy, which is read piece by piece`);
    const bytes = unpackMember(member, await readPieces(this.file, [member.start], member.packedBytes), this.fail(name));
    return parseNpy(bytes, this.fail(name));
  }
}
