/** A dense tensor seen along one of its axes: [outer, size, inner]. */
export interface Lines {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** Applies `line` to every line along the middle axis of `tensors`, which share one shape. */
export function mapLines(tensors: readonly Float64Array[], { outer, size, inner }: Lines, line: (...lines: Float64Array[]) => Float64Array): Float64Array {
  const y = new Float64Array(outer * size * inner);
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) {
    const at = (j: number): number => (o * size + j) * inner + i;
    line(...tensors.map((tensor) => Float64Array.from({ length: size }, (_, j) => tensor[at(j)]!))).forEach((value, j) => { y[at(j)] = value; });
  }
  return y;
}
