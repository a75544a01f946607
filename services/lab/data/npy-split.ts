import { basename } from "node:path";

import type { DatasetSource } from "../../../schema/jobs/dataset.ts";
import type { Fail } from "../formats/fail.ts";
import { NPY_MAX_HEADER, type NpyArray, npyElements, type NpyHeader, parseNpyHeader, requireNpyLength } from "../formats/npy.ts";
import { failOf, fileBytes, readPieces } from "./data-file.ts";
import { type InputShape, type Labels, type Pixels, subPixels } from "./dataset.ts";
import { MemorySplit } from "./memory-split.ts";
import { MAX_SIDE } from "./pictures/transform.ts";
import type { StreamedSplit } from "./streamed-split.ts";

/** Images in NumPy arrays: bytes, or floats in [0, 1]; [n, h, w, c], [n, c, h, w] or [n, h, w]. */

export type ArrayLayout = Extract<DatasetSource, { kind: "npy" }>["layout"];

interface ImageArray extends NpyHeader {
  readonly count: number;
  readonly imageShape: InputShape;
  readonly channelsLast: boolean;
}

/** Images `first` … `first + count` - 1 of a .npy file, read when they are asked for. */
export class NpySplit implements StreamedSplit {
  private constructor(readonly file: string, readonly bytes: number, readonly array: ImageArray, readonly first: number, readonly labels: Labels) {}

  /** @param labels of the images from `first` on; it is for the caller to see that the file (`array.count`) has as many. @throws AppError DATASET_CORRUPT, DATASET_UNAVAILABLE. */
  static async open(file: string, layout: ArrayLayout, labels: Labels, first = 0): Promise<NpySplit> {
    const fail = failOf(file);
    const { header, bytes } = await readNpyHeader(file);
    return new NpySplit(file, bytes, imagesOf(header, layout, fail), first, labels);
  }

  get count(): number { return this.labels.length; }
  get imageShape(): InputShape { return this.array.imageShape; }

  async images(indices: ArrayLike<number>): Promise<Pixels> {
    const { array, file, first } = this;
    const bytes = subPixels(array.imageShape) * array.bytesPerElement;
    const positions = Array.from(indices, (index) => array.dataOffset + (first + index) * bytes);
    const fail: Fail = (problem, message) => failOf(file)(problem, `images ${first + (indices[0] ?? 0)}…: ${message}`);
    return toPlanes(array, await readPieces(file, positions, bytes), fail);
  }

  *listing(): Generator<string> { yield `${basename(this.file)} ${this.bytes} ${this.first} ${this.count}`; }
}

/** The header of a .npy file whose length is what the header says. */
async function readNpyHeader(file: string): Promise<{ header: NpyHeader; bytes: number }> {
  const bytes = await fileBytes(file);
  const header = parseNpyHeader(await readPieces(file, [0], Math.min(bytes, NPY_MAX_HEADER)), failOf(file));
  requireNpyLength(header, bytes, failOf(file));
  return { header, bytes };
}

/** All images of an array in memory. */
export function npyMemorySplit({ type, shape, data }: NpyArray, layout: ArrayLayout, labels: Labels, fail: Fail): { split: MemorySplit; imageShape: InputShape } {
  const array = imagesOf({ type, shape, length: data.length, bytesPerElement: data.BYTES_PER_ELEMENT, dataOffset: 0 }, layout, fail);
  return { split: new MemorySplit(toPlanes(array, new Uint8Array(data.buffer, data.byteOffset, data.byteLength), fail), labels), imageShape: array.imageShape };
}

function imagesOf(header: NpyHeader, layout: ArrayLayout, fail: Fail): ImageArray {
  const { shape, type } = header;
  if (type !== "u8" && type !== "f32" && type !== "f64") throw fail("refused", `expected images as u8, or as f32 or f64 in [0, 1], got ${type}; convert them with numpy's astype`);
  if (!(shape.length === 3 || shape.length === 4) || shape.includes(0)) throw fail("refused", `expected images [n, h, w, c], [n, c, h, w] or [n, h, w], got an array [${shape.join(", ")}]`);
  if (shape.slice(1).some((side) => side > MAX_SIDE)) throw fail("refused", `expected images with sides up to ${MAX_SIDE}, got an array [${shape.join(", ")}]; cut or resize them`);
  const [count, a, b, c] = shape as [number, number, number, number | undefined];
  if (c === undefined) return { ...header, count, imageShape: [1, a, b], channelsLast: false };
  const [first, last] = [a === 1 || a === 3, c === 1 || c === 3];
  if (layout === "auto" && first === last) throw fail("refused", `expected 1 or 3 channels either first or last in [${shape.join(", ")}]; say the layout, nhwc or nchw`);
  const channelsLast = layout === "nhwc" || (layout === "auto" && last);
  return { ...header, count, channelsLast, imageShape: channelsLast ? [c, a, b] : [a, b, c] };
}

/** Elements of whole images as [n, c, h, w]. @throws what `fail` makes when a float is not in [0, 1]. */
function toPlanes({ type, imageShape: [c, h, w], channelsLast }: ImageArray, bytes: Uint8Array, fail: Fail): Pixels {
  const pixels = type === "u8" ? bytes : Float32Array.from(npyElements(type, bytes) as Float32Array | Float64Array);
  if (pixels instanceof Float32Array) {
    const wrong = pixels.findIndex((v) => !(v >= 0 && v <= 1));
    if (wrong >= 0) throw fail("refused", `element ${wrong}: expected floats in [0, 1], got ${pixels[wrong]}; divide by 255, and leave normalisation to the model`);
  }
  if (!channelsLast || c === 1) return pixels;
  const planes = new (pixels.constructor as new (length: number) => Pixels)(pixels.length);
  const area = h * w;
  for (let from = 0, image = 0; from < pixels.length; image += c * area) {
    for (let p = 0; p < area; p++) for (let k = 0; k < c; k++) planes[image + k * area + p] = pixels[from++]!;
  }
  return planes;
}
