import type { Labels, Pixels, Split } from "./dataset.ts";

/** A split whose images all lie in memory. */
export class MemorySplit implements Split {
  readonly count: number;
  /** @param pixels [count, c, h, w] @param labels [count] */
  constructor(readonly pixels: Pixels, readonly labels: Labels) {
    this.count = labels.length;
  }

  images(indices: ArrayLike<number>): Promise<Pixels> {
    const { pixels } = this;
    const m = pixels.length / this.count;
    const picked = new (pixels.constructor as new (length: number) => Pixels)(indices.length * m);
    for (let i = 0; i < indices.length; i++) picked.set(pixels.subarray(indices[i]! * m, (indices[i]! + 1) * m), i * m);
    return Promise.resolve(picked);
  }
}

/** Labels in the type that a set of so many classes has. */
export function packLabels(labels: ArrayLike<number>, classCount: number): Labels {
  return classCount <= 256 ? Uint8Array.from(labels) : Uint16Array.from(labels);
}
