import { HOST_DRAW, philox4x32, seedWords } from "../../common/rng.ts";
import { STREAM } from "../streams.ts";
import { type Dataset, gatherPixels, type SplitName, subPixels } from "./dataset.ts";

export interface Augmentation {
  /** Pixels of black border from which a window of the image's size is cut at random; 0 switches it off. */
  readonly cropPadding: number;
  /** Mirror left and right with probability ½. */
  readonly flip: boolean;
}

/**
 * Random crop and flip (He et al. 2016, section 4.2). What happens to an image depends on (seed, epoch, index) only, not
 * on the batch it is in.
 *
 * @returns [indices.length, m] f32 in [0, 1], as `gather` gives without augmentation.
 * @throws AppError as `gather`.
 */
export async function gatherAugmented(dataset: Dataset, split: SplitName, indices: ArrayLike<number>, { cropPadding, flip }: Augmentation, seed: bigint, epoch: number): Promise<Float32Array> {
  const pixels = await gatherPixels(dataset, split, indices);
  const white = pixels instanceof Uint8Array ? 255 : 1;
  const [c, h, w] = dataset.inputShape;
  const m = subPixels(dataset.inputShape);
  const key = seedWords(seed);
  const x = new Float32Array(indices.length * m);
  for (let i = 0; i < indices.length; i++) {
    const [a, b, f] = philox4x32([indices[i]!, epoch, HOST_DRAW, STREAM.augment], key);
    const dy = below(a, 2 * cropPadding + 1) - cropPadding;
    const dx = below(b, 2 * cropPadding + 1) - cropPadding;
    const mirrored = flip && below(f, 2) === 1;
    const from = i * m;
    const firstColumn = Math.max(0, mirrored ? dx : -dx); // the others are the black border
    const lastColumn = Math.min(w, mirrored ? w + dx : w - dx);
    for (let k = 0; k < c; k++) for (let row = Math.max(0, -dy); row < Math.min(h, h - dy); row++) {
      const to = i * m + (k * h + row) * w;
      const source = from + (k * h + row + dy) * w + (mirrored ? w - 1 + dx : dx);
      for (let column = firstColumn; column < lastColumn; column++) x[to + column] = pixels[mirrored ? source - column : source + column]! / white;
    }
  }
  return x;
}

/** A u32 scaled to {0, …, n-1}; for the few values wanted here its bias is below 1e-8. */
function below(word: number, n: number): number { return Math.floor((word / 2 ** 32) * n); }
