import type { DatasetSource } from "../../../../schema/jobs/dataset.ts";
import { corrupt, readDataFile } from "../data-file.ts";
import type { InputShape } from "../dataset.ts";
import { idxImageSides, parseIdxImages, parseIdxLabels } from "../idx.ts";
import { MemorySplit } from "../memory-split.ts";
import { MAX_SIDE } from "../pictures/transform.ts";
import { classNames, type Locate, type Opened, requireLabels, sameShape } from "./opened.ts";

type IdxSource = Extract<DatasetSource, { kind: "idx" }>;

/** EMNIST ByClass, the largest of the family, has 547 MB of training images. */
const MAX_BYTES = 2 ** 30;

/** Grey images of any size with byte labels, plain or gzip. */
export async function openIdx({ train, test, ...named }: IdxSource, locate: Locate): Promise<Opened> {
  const read = async ({ images, labels }: IdxSource["test"]): Promise<{ file: string; split: MemorySplit; shape: InputShape }> => {
    const [imagesFile, labelsFile] = [await locate(images), await locate(labels)];
    const bytes = readDataFile(imagesFile, MAX_BYTES);
    const [height, width] = idxImageSides(imagesFile, bytes);
    if (height * width === 0 || Math.max(height, width) > MAX_SIDE) throw corrupt(imagesFile, 8, `images of 1 to ${MAX_SIDE} pixels each way`, `${height}×${width}`);
    const { count, images: pixels } = parseIdxImages(imagesFile, bytes, height, width);
    return { file: labelsFile, split: new MemorySplit(pixels, parseIdxLabels(labelsFile, readDataFile(labelsFile, MAX_BYTES), count, 256)), shape: [1, height, width] };
  };
  const parts = [...(train ? [await read(train)] : []), await read(test)];
  const classes = classNames(named, ...parts.map(({ split }) => split.labels));
  for (const { file, split } of parts) requireLabels(file, split.labels, classes.length);
  const held = parts.at(-1)!;
  return { classes, inputShape: sameShape(parts[0]!.shape, held.shape), train: train && parts[0]!.split, test: held.split };
}
