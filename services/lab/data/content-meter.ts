import { createHash } from "node:crypto";

import type { Dataset, DatasetContent, Pixels, SplitName } from "./dataset.ts";

/** Hash, mean and deviation of a data set's images, as they pass by: all of the training split, then all of the test split. */
export class ContentMeter {
  readonly #content: Pick<DatasetContent, "inputShape" | "splits">;
  readonly #hash = createHash("sha256");
  readonly #channels: ChannelStatistics;
  /** The split that mean and deviation are taken of. */
  readonly #measured: SplitName;

  constructor(content: Pick<DatasetContent, "inputShape" | "splits">) {
    const { inputShape, splits: { train, test } } = content;
    this.#content = content;
    this.#channels = new ChannelStatistics(inputShape);
    this.#measured = train.count > 0 ? "train" : "test";
    this.#hash.update(JSON.stringify({ inputShape, train: train.count, test: test.count }));
  }

  /** @param pixels whole images, [n, c, h, w]. */
  add(split: SplitName, pixels: Pixels): void {
    this.#hash.update(pixels); // little-endian where it is more than bytes, as every machine that Lorenz runs on
    if (split === this.#measured) this.#channels.add(pixels);
  }

  /** To be called after a split's last image. */
  end(split: SplitName): void { this.#hash.update(this.#content.splits[split].labels); }

  result(): Pick<Dataset, "mean" | "std" | "contentHash"> {
    return { ...this.#channels.result(), contentHash: this.#hash.digest("hex") };
  }
}

/** Per channel: of bytes from a histogram, so that the sums are exact integers whatever the size; of floats from sums in f64. */
class ChannelStatistics {
  readonly #area: number;
  readonly #histogram: Float64Array[];
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #floats = 0;

  constructor([c, h, w]: readonly [number, number, number]) {
    this.#area = h * w;
    this.#histogram = Array.from({ length: c }, () => new Float64Array(256));
    this.#sum = new Float64Array(c);
    this.#squares = new Float64Array(c);
  }

  add(pixels: Pixels): void {
    const area = this.#area;
    const c = this.#histogram.length;
    for (let start = 0, channel = 0; start < pixels.length; start += area, channel = (channel + 1) % c) {
      if (pixels instanceof Uint8Array) this.#count(pixels, start, this.#histogram[channel]!);
      else this.#add(pixels, start, channel);
    }
    if (pixels instanceof Float32Array) this.#floats += pixels.length / c;
  }

  result(): { mean: number[]; std: number[] } {
    if (this.#floats > 0) return this.#ofFloats();
    const pixels = this.#histogram[0]!.reduce((sum, count) => sum + count, 0);
    const mean = this.#histogram.map((bins) => bins.reduce((sum, count, v) => sum + count * v, 0) / pixels);
    const std = this.#histogram.map((bins, k) => Math.sqrt(bins.reduce((sum, count, v) => sum + count * (v - mean[k]!) ** 2, 0) / pixels));
    return { mean: mean.map((v) => v / 255), std: std.map((v) => v / 255) };
  }

  #count(pixels: Uint8Array, start: number, bins: Float64Array): void {
    for (let p = start; p < start + this.#area; p++) bins[pixels[p]!]!++;
  }

  #add(pixels: Float32Array, start: number, channel: number): void {
    let sum = 0;
    let squares = 0;
    for (let p = start; p < start + this.#area; p++) {
      sum += pixels[p]!;
      squares += pixels[p]! ** 2;
    }
    this.#sum[channel]! += sum;
    this.#squares[channel]! += squares;
  }

  #ofFloats(): { mean: number[]; std: number[] } {
    const mean = Array.from(this.#sum, (sum) => sum / this.#floats);
    // A constant channel's rounding must not look like variation: f32 values leave 1e-14 at most.
    const std = Array.from(this.#squares, (squares, k) => squares / this.#floats - mean[k]! ** 2).map((v) => (v > 1e-13 ? Math.sqrt(v) : 0));
    return { mean, std };
  }
}
