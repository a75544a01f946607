/** Indices for a program of fixed batch size. */
export interface Batch {
  /** Position of its first image in the list that was cut. */
  readonly first: number;
  /** How many of `indices` count; the rest repeats the last one to fill the batch. */
  readonly count: number;
  /** [batchSize] */
  readonly indices: Uint32Array;
}

/** Cuts a list of image indices into batches of one size, the last one padded. */
export function* batchesOf(indices: ArrayLike<number>, batchSize: number): Generator<Batch> {
  for (let first = 0; first < indices.length; first += batchSize) {
    const count = Math.min(batchSize, indices.length - first);
    yield { first, count, indices: Uint32Array.from({ length: batchSize }, (_, i) => indices[first + Math.min(i, count - 1)]!) };
  }
}
