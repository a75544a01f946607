import type { Artifact, BlobRef } from "../../../schema/jobs/results.ts";
import { heatMapPng, imagePng } from "../attributions/heat-map.ts";
import { type InputShape, subPixels } from "../data/dataset.ts";

/** Stores bytes and returns their reference: the runner's blob folder, or a test's memory. */
export type SaveBlob = (bytes: Uint8Array, contentType: string) => Promise<BlobRef>;

/** Files that let a person look at the results of one model: pictures as PNG, maps also as raw little-endian float32. */
export class ArtifactWriter {
  readonly written: Artifact[] = [];
  constructor(private readonly modelId: string, private readonly inputShape: InputShape, private readonly save: SaveBlob) {}

  /** @param images index in the split of each row. @param rows [images, m]; those beyond `images` are left out. */
  async pictures(kind: "adversarial" | "original", measure: string, images: readonly number[], rows: Float32Array): Promise<void> {
    await this.#each(images, rows, async (image, row) => this.#push(kind, measure, image, imagePng(row, this.inputShape), "image/png"));
  }

  /** Every map twice: its numbers and its heat map. */
  async maps(measure: string, images: readonly number[], rows: Float32Array): Promise<void> {
    await this.#each(images, rows, async (image, row) => {
      await this.#push("attribution", measure, image, new Uint8Array(row.slice().buffer), "application/octet-stream");
      await this.#push("heat-map", measure, image, heatMapPng(row, this.inputShape), "image/png");
    });
  }

  async #each(images: readonly number[], rows: Float32Array, write: (image: number, row: Float32Array) => Promise<void>): Promise<void> {
    const m = subPixels(this.inputShape);
    for (const [i, image] of images.entries()) await write(image, rows.subarray(i * m, (i + 1) * m));
  }

  async #push(kind: Artifact["kind"], measure: string, image: number, bytes: Uint8Array, contentType: string): Promise<void> {
    this.written.push({ modelId: this.modelId, image, kind, measure, shape: [...this.inputShape], blob: await this.save(bytes, contentType) });
  }
}
