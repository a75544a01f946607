import type { ImageTransform } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../common/errors.ts";
import { readPieces } from "../data-file.ts";
import { type InputShape, type Labels, subPixels } from "../dataset.ts";
import { Gate } from "../gate.ts";
import type { StreamedSplit } from "../streamed-split.ts";
import type { PictureFile } from "./folder.ts";
import { type PreparedImage, prepareImage } from "./transform.ts";

/** A photograph of 50 million pixels, the most that is decoded, has 20 MB as JPEG and 150 as PNG. */
export const MAX_PICTURE_BYTES = 192 * 2 ** 20;
/** As many as libuv has threads. Each holds a file and its pixels: at worst 340 MB, for photographs of usual size 2. */
const DECODERS = 4;

/** Picture files, decoded when they are asked for. */
export class PictureSplit implements StreamedSplit {
  readonly #gate = new Gate(DECODERS);

  /** @param imageShape of every image; others are refused when they are read. */
  constructor(readonly files: readonly PictureFile[], readonly labels: Labels, readonly transform: ImageTransform, readonly imageShape: InputShape) {}

  get count(): number { return this.files.length; }

  async images(indices: ArrayLike<number>): Promise<Uint8Array> {
    const m = subPixels(this.imageShape);
    const pixels = new Uint8Array(indices.length * m);
    const done = await Promise.allSettled(Array.from(indices, (index, i) => this.#gate.run(async () => {
      pixels.set(this.#checked(await readImage(this.files[index]!, this.transform), index), i * m);
    })));
    const failed = done.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
    return pixels;
  }

  *listing(): Generator<string> {
    for (const [i, { name, bytes }] of this.files.entries()) yield `${name} ${bytes} ${this.labels[i]}`;
  }

  #checked({ shape, pixels }: PreparedImage, index: number): Uint8Array {
    const { imageShape, files } = this;
    if (shape.join() !== imageShape.join()) throw new AppError("DATASET_CORRUPT", `${files[index]!.path} (image ${index}): expected ${imageShape.join("×")} like the first image, got ${shape.join("×")}; ask for resize and crop`, { file: files[index]!.path, image: index });
    return pixels;
  }
}

/** @throws AppError DATASET_CORRUPT, DATASET_UNAVAILABLE naming the file. */
export async function readImage({ path, bytes }: Pick<PictureFile, "path" | "bytes">, transform: ImageTransform): Promise<PreparedImage> {
  if (bytes > MAX_PICTURE_BYTES) throw new AppError("DATASET_CORRUPT", `${path}: expected a picture of at most ${MAX_PICTURE_BYTES} bytes, got ${bytes}`, { file: path });
  return prepareImage(path, await readPieces(path, [0], bytes), transform);
}
