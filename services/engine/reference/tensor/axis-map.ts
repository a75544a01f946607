import type { AxisMap } from "../../graph/operations/shape.ts";
import { indexOf, tabulate } from "./coordinates.ts";

/** y[.., j, ..] = Σ weights[t]·x[.., indices[t], ..] over t in offsets[j] … offsets[j + 1] - 1. @param x [...shape]. */
export function axisMapReference(x: Float64Array, shape: readonly number[], { axis, map: { offsets, indices, weights } }: { axis: number; map: AxisMap }): Float64Array {
  return tabulate(shape.with(axis, offsets.length - 1), (at) => {
    let sum = 0;
    for (let t = offsets[at[axis]!]!; t < offsets[at[axis]! + 1]!; t++) sum += weights[t]! * x[indexOf(at.with(axis, indices[t]!), shape)]!;
    return sum;
  });
}
