import { Rng } from "../../services/common/rng.ts";
import { type InputShape, makeDataset, type MemoryDataset, subPixels } from "../../services/lab/data/dataset.ts";
import { MemorySplit } from "../../services/lab/data/memory-split.ts";

export interface ToyOptions { readonly inputShape?: InputShape; readonly classCount?: number; readonly train?: number; readonly test?: number; readonly noise?: number }

/** A small set that a network learns in seconds: one random picture per class, and noise around it. The same on every call. */
export function toyDataset({ inputShape = [1, 8, 8], classCount = 3, train = 96, test = 24, noise = 60 }: ToyOptions = {}): MemoryDataset {
  const m = subPixels(inputShape);
  const rng = new Rng(11, 0);
  const pictures = Array.from({ length: classCount }, () => Float64Array.from({ length: m }, () => 255 * rng.uniform()));
  const split = (count: number): MemorySplit => {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % classCount);
    const images = new Uint8Array(count * m).map((_, p) => Math.min(255, Math.max(0, pictures[labels[Math.floor(p / m)]!]![p % m]! + noise * rng.normal())));
    return new MemorySplit(images, labels);
  };
  return makeDataset({ name: "mnist", title: "toy", classes: Array.from({ length: classCount }, (_, i) => `class ${i}`), inputShape, licence: "none needed", source: "toy-dataset.ts", splits: { train: split(train), test: split(test) } });
}
