import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";

import type { DatasetSource, ImageTransform } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../common/errors.ts";
import { readDataFile } from "../data-file.ts";
import { packLabels } from "../memory-split.ts";
import { type ClassFolder, listClasses, listPictures, type PictureFile, pictureFile } from "../pictures/folder.ts";
import { PictureSplit, readImage } from "../pictures/picture-split.ts";
import { IMAGENET_CLASSES } from "./imagenet-classes.ts";
import { classNames, type Locate, MAX_CLASSES, type Opened, requireLabels, sameShape } from "./opened.ts";

/** Picture files in the folders that data sets of photographs come in. */

type Source<K extends DatasetSource["kind"]> = Extract<DatasetSource, { kind: K }>;
interface Listed { readonly files: PictureFile[]; readonly labels: number[] }

/** Word lists and annotations; TinyImageNet's longest has 3 MB. */
const MAX_TEXT_BYTES = 2 ** 24;
const WNIDS = new Map(IMAGENET_CLASSES.map(({ wnid }, label) => [wnid, label]));

/** torchvision's ImageFolder: classes by their folders' names. The training split's classes, when there is one, are the test split's too. */
export async function openImageFolder({ train, test, transform }: Source<"image-folder">, locate: Locate): Promise<Opened> {
  const trainRoot = train === undefined ? undefined : await locate({ path: train });
  const testRoot = await locate({ path: test });
  const known = trainRoot === undefined ? undefined : await listClasses(trainRoot, following(locate));
  const held = await listClasses(testRoot, following(locate));
  const classes = (known ?? held).map(({ name }) => name);
  if (classes.length > MAX_CLASSES) throw new AppError("DATASET_CORRUPT", `${trainRoot ?? testRoot}: expected at most ${MAX_CLASSES} folders of classes, got ${classes.length}`, { file: trainRoot ?? testRoot });
  const places = new Map(classes.map((name, i) => [name, i]));
  const label = (root: string) => ({ name }: ClassFolder): number => {
    const found = places.get(name);
    if (found === undefined) throw new AppError("DATASET_CORRUPT", `${root}: expected no other classes than in ${trainRoot}, got ${name}`, { file: root });
    return found;
  };
  return opened(classes, known && labelled(known, label(trainRoot!)), labelled(held, label(testRoot)), transform);
}

/** ILSVRC 2012's validation and training images in folders by WordNet id, or some of their classes, as Imagenette. Labels are those of all 1,000. */
export async function openImagenet({ root, transform }: Source<"imagenet">, locate: Locate): Promise<Opened> {
  const folder = await locate({ path: root });
  const has = (name: string): boolean => existsSync(join(folder, name));
  const list = async (path: string): Promise<Listed> => labelled(await listClasses(await locate({ path }), following(locate), new Set(WNIDS.keys())), ({ name }) => WNIDS.get(name)!);
  const held = await list(has("val") ? join(folder, "val") : folder);
  return opened(imagenetNames(), has("val") && has("train") ? await list(join(folder, "train")) : undefined, held, transform);
}

/** ImageNet-C (Hendrycks & Dietterich 2019): root/CORRUPTION/SEVERITY/WNID. The archives lie one folder deeper, by kind of corruption: both are found. */
export async function openImagenetC({ root, corruption, severity, transform }: Source<"imagenet-c">, locate: Locate): Promise<Opened> {
  const folder = await locate({ path: root });
  const inside = ["", ...["noise", "blur", "weather", "digital", "extra"]].map((kind) => join(folder, kind, corruption, String(severity))).find((path) => existsSync(path));
  if (inside === undefined) throw new AppError("DATASET_UNAVAILABLE", `${folder}: expected ${corruption}/${severity} in it, got ${readdirSync(folder).slice(0, 20).join(", ") || "nothing"}`, { file: folder });
  return openImagenet({ kind: "imagenet", root: inside, transform }, locate);
}

/** train/WNID/images/*.JPEG, val/images/*.JPEG with val_annotations.txt, wnids.txt in the order of the labels, words.txt with names. */
export async function openTinyImagenet({ root, transform }: Source<"tiny-imagenet">, locate: Locate): Promise<Opened> {
  const folder = await locate({ path: root });
  const text = async (...path: string[]): Promise<string[]> => new TextDecoder().decode(readDataFile(await locate({ path: join(folder, ...path) }), MAX_TEXT_BYTES)).split(/\r?\n/).filter((line) => line !== "");
  // Sorted, as ImageFolder labels them and networks were trained; wnids.txt itself has another order.
  const wnids = (await text("wnids.txt")).map((line) => line.trim()).sort();
  const words = new Map((await text("words.txt")).map((line) => line.split("\t") as [string, string]));
  const classes = wnids.map((wnid) => words.get(wnid)?.split(",")[0]?.slice(0, 200) ?? wnid);
  const train = await listClasses(await locate({ path: join(folder, "train") }), following(locate), new Set(wnids));
  const annotated = new Map((await text("val", "val_annotations.txt")).map((line) => line.split("\t") as [string, string]));
  const files = await listPictures(await locate({ path: join(folder, "val", "images") }), following(locate));
  const labels = files.map(({ path, name }) => {
    const label = wnids.indexOf(annotated.get(basename(name)) ?? "");
    if (label < 0) throw new AppError("DATASET_CORRUPT", `${path}: expected a line of val_annotations.txt with one of the ${wnids.length} classes, got ${annotated.get(basename(name)) ?? "none"}`, { file: path });
    return label;
  });
  return opened(classes, labelled(train, ({ name }) => wnids.indexOf(name)), { files, labels }, transform);
}

/** Single files with a label each. */
export async function openImageList({ images, transform, ...named }: Source<"image-list">, locate: Locate): Promise<Opened> {
  const labels = images.map(({ label }) => label);
  const classes = classNames(named, labels);
  requireLabels("images", labels, classes.length);
  const paths = await Promise.all(images.map(({ file }) => locate(file)));
  return opened(classes, undefined, { files: paths.map((path) => pictureFile(path, basename(path))), labels }, transform);
}

function following(locate: Locate): (path: string) => Promise<string> { return (path) => locate({ path }); }

function imagenetNames(): string[] { return IMAGENET_CLASSES.map(({ name }) => name); }

function labelled(folders: readonly ClassFolder[], label: (folder: ClassFolder) => number): Listed {
  const files: PictureFile[] = [];
  const labels: number[] = [];
  for (const folder of folders) {
    const own = label(folder);
    for (const file of folder.files) {
      files.push(file);
      labels.push(own);
    }
  }
  return { files, labels };
}

/** The first image of a split says what the others must be. */
async function opened(classes: readonly string[], train: Listed | undefined, test: Listed, transform: ImageTransform): Promise<Opened> {
  const split = async ({ files, labels }: Listed): Promise<PictureSplit> => {
    if (files.length === 0) throw new AppError("DATASET_UNAVAILABLE", "data set: expected at least one JPEG, PNG or WebP picture in its classes, got none", {});
    return new PictureSplit(files, packLabels(labels, classes.length), transform, (await readImage(files[0]!, transform)).shape);
  };
  const [trained, held] = [train && await split(train), await split(test)];
  return { classes, inputShape: sameShape(trained?.imageShape, held.imageShape), train: trained, test: held };
}
