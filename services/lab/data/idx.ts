import { corrupt } from "./data-file.ts";

/** The IDX format of the MNIST family (yann.lecun.com/exdb/mnist): big-endian header, then bytes. */

const IMAGES_MAGIC = 0x00000803; // unsigned bytes, three dimensions
const LABELS_MAGIC = 0x00000801; // unsigned bytes, one dimension
export const IDX_IMAGES_HEADER = 16;
const LABELS_HEADER = 8;

/** Height and width that the header of an images' file claims. @throws AppError DATASET_CORRUPT. */
export function idxImageSides(file: string, bytes: Uint8Array): [height: number, width: number] {
  const header = headerOf(file, bytes, IDX_IMAGES_HEADER);
  return [header.getUint32(8), header.getUint32(12)];
}

/** @returns a view of [count, height, width] bytes. @throws AppError DATASET_CORRUPT naming file and byte. */
export function parseIdxImages(file: string, bytes: Uint8Array, height: number, width: number): { count: number; images: Uint8Array } {
  const header = headerOf(file, bytes, IDX_IMAGES_HEADER);
  expectWord(file, header, 0, IMAGES_MAGIC, "the IDX magic of byte images");
  expectWord(file, header, 8, height, "image height");
  expectWord(file, header, 12, width, "image width");
  const count = countOf(file, header);
  expectLength(file, bytes, IDX_IMAGES_HEADER + count * height * width);
  return { count, images: bytes.subarray(IDX_IMAGES_HEADER) };
}

/** @returns a view of [count] bytes, each below classCount. @throws AppError DATASET_CORRUPT naming file and byte. */
export function parseIdxLabels(file: string, bytes: Uint8Array, count: number, classCount: number): Uint8Array {
  const header = headerOf(file, bytes, LABELS_HEADER);
  expectWord(file, header, 0, LABELS_MAGIC, "the IDX magic of byte labels");
  expectWord(file, header, 4, count, "as many labels as images");
  expectLength(file, bytes, LABELS_HEADER + count);
  const labels = bytes.subarray(LABELS_HEADER);
  const wrong = labels.findIndex((label) => label >= classCount);
  if (wrong >= 0) throw corrupt(file, LABELS_HEADER + wrong, `a label below ${classCount}`, labels[wrong]);
  return labels;
}

function headerOf(file: string, bytes: Uint8Array, length: number): DataView {
  if (bytes.length < length) throw corrupt(file, bytes.length, `a header of ${length} bytes`, `${bytes.length} bytes`);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

function expectWord(file: string, header: DataView, position: number, expected: number, what: string): void {
  const got = header.getUint32(position);
  if (got !== expected) throw corrupt(file, position, `${what}, ${expected}`, got);
}

function countOf(file: string, header: DataView): number {
  const count = header.getUint32(4);
  if (count === 0) throw corrupt(file, 4, "at least one image", count);
  return count;
}

function expectLength(file: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) throw corrupt(file, Math.min(bytes.length, expected), `${expected} bytes in all`, bytes.length);
}
