import { indexOf, tabulate } from "./coordinates.ts";

/** NumPy's broadcast_to: axes of size 1, and those that `shape` lacks in front, repeated. @param x [...shape]. @returns [...target]. */
export function expandReference(x: Float64Array, shape: readonly number[], target: readonly number[]): Float64Array {
  const added = target.length - shape.length;
  return tabulate(target, (at) => x[indexOf(shape.map((side, axis) => (side === 1 ? 0 : at[axis + added]!)), shape)]!);
}
