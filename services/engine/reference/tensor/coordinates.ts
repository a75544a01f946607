/** Row-major coordinates of the element at a flat index. */
export function coordinatesOf(index: number, shape: readonly number[]): number[] {
  const at = new Array<number>(shape.length);
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return at;
}

/** The inverse. */
export function indexOf(coordinates: readonly number[], shape: readonly number[]): number {
  return coordinates.reduce((index, at, axis) => index * shape[axis]! + at, 0);
}

/** A tensor by what each element is, given its coordinates. */
export function tabulate(shape: readonly number[], element: (coordinates: number[]) => number): Float64Array {
  return Float64Array.from({ length: shape.reduce((product, side) => product * side, 1) }, (_, i) => element(coordinatesOf(i, shape)));
}
