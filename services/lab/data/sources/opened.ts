import type { FileRef } from "../../../../schema/jobs/file-ref.ts";
import { AppError } from "../../../common/errors.ts";
import type { InputShape, Split } from "../dataset.ts";

/** Where a file or folder that a source names really lies. @throws AppError when it does not exist or may not be read. */
export type Locate = (ref: FileRef) => Promise<string>;

/** What the reader of a source found. What is large is not read yet. */
export interface Opened {
  readonly classes: readonly string[];
  readonly inputShape: InputShape;
  readonly train: Split | undefined;
  readonly test: Split;
}

/** Labels are kept in 16 bits. */
export const MAX_CLASSES = 65_536;

/** Names for the classes of sets that have none: as many as the caller says, or as the highest label asks for. */
export function classNames({ classes, classCount }: { readonly classes?: readonly string[] | undefined; readonly classCount?: number | undefined }, ...labels: readonly ArrayLike<number>[]): readonly string[] {
  if (classes) return classes;
  const highest = labels.reduce((most, some) => Array.prototype.reduce.call(some, (a, b) => Math.max(a as number, b as number), most) as number, 0);
  return Array.from({ length: classCount ?? highest + 1 }, (_, i) => String(i));
}

/** @throws AppError DATASET_CORRUPT naming the file and the first label that names no class. */
export function requireLabels(file: string, labels: ArrayLike<number>, classCount: number): void {
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! >= classCount) throw new AppError("DATASET_CORRUPT", `${file}, label ${i}: expected less than the number of classes, ${classCount}, got ${labels[i]}`, { file, position: i });
  }
}

/** @throws AppError DATASET_CORRUPT unless both splits have images of one shape. */
export function sameShape(train: InputShape | undefined, test: InputShape): InputShape {
  if (train && train.join() !== test.join()) throw new AppError("DATASET_CORRUPT", `data set: expected train and test images of one shape, got ${train.join("×")} and ${test.join("×")}`, { train, test });
  return test;
}
