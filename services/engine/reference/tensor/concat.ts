import { indexOf, tabulate } from "./coordinates.ts";

/** Tensors one after the other along an axis. @param xs of the `shapes`, which differ in that axis alone. */
export function concatReference(xs: readonly Float64Array[], shapes: readonly (readonly number[])[], axis: number): Float64Array {
  const total = shapes.reduce((sum, shape) => sum + shape[axis]!, 0);
  return tabulate(shapes[0]!.with(axis, total), (at) => {
    let [k, j] = [0, at[axis]!];
    while (j >= shapes[k]![axis]!) j -= shapes[k++]![axis]!;
    return xs[k]![indexOf(at.with(axis, j), shapes[k]!)]!;
  });
}

/** The part of dy that belongs to one of the tensors: `shape`, from `start` along the axis. @param dy [...of]. */
export function concatGradReference(dy: Float64Array, of: readonly number[], { axis, start, shape }: { axis: number; start: number; shape: readonly number[] }): Float64Array {
  return tabulate(shape, (at) => dy[indexOf(at.with(axis, at[axis]! + start), of)]!);
}
