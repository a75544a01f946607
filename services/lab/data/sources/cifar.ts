import { statSync } from "node:fs";

import { AppError } from "../../../common/errors.ts";
import { CIFAR_SHAPE, cifarClasses, cifarFileNames, type CifarSource, findCifar, readCifar } from "../cifar.ts";
import type { SplitName } from "../dataset.ts";
import type { Locate, Opened } from "./opened.ts";

export async function openCifar(source: CifarSource, locate: Locate): Promise<Opened> {
  const { set, labels } = source;
  const { train, test } = await filesOf(source, locate);
  return { classes: cifarClasses(set, labels), inputShape: CIFAR_SHAPE, train: train.length > 0 ? readCifar(train, set, labels) : undefined, test: readCifar(test, set, labels) };
}

async function filesOf({ set, root, files }: CifarSource, locate: Locate): Promise<Record<SplitName, string[]>> {
  if (files) return { train: await Promise.all(files.train.map(locate)), test: await Promise.all(files.test.map(locate)) };
  const folder = await locate({ path: root! });
  if (!statSync(folder).isDirectory()) throw new AppError("DATASET_UNAVAILABLE", `${folder}: expected a folder, got a file; unpack the archive (tar xf) and name the folder`, { file: folder });
  const found = findCifar(set, folder);
  if (!found) throw new AppError("DATASET_UNAVAILABLE", `${folder}: expected ${cifarFileNames(set)}, found none or not all; unpack the archive there`, { file: folder });
  const real = (names: readonly string[]): Promise<string[]> => Promise.all(names.map((path) => locate({ path })));
  return { train: await real(found.train), test: await real(found.test) };
}
