import { elements, requirePositive } from "../../gpu/tensor.ts";
import { joined, type WalkAxis, walkParams } from "./walk.ts";

/** A strided tensor of which some axes are reduced. */
export interface Reduced {
  readonly sizes: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Which of the sizes. */
  readonly axes: readonly number[];
}

/** The walk that the kernels over reduced axes share: the axes that stay, then those that are reduced. @throws EngineError SHAPE_MISMATCH. */
export function reducedWalk(kernel: string, { sizes, strides, axes }: Reduced): { outputs: number; count: number; walk: readonly WalkAxis[]; rank: number; params: Record<string, number> } {
  requirePositive(kernel, Object.fromEntries(sizes.map((size, i) => [`size ${i}`, size])));
  const all = sizes.map((size, i) => ({ size, a: strides[i]!, b: 0 }));
  const kept = all.filter((_, i) => !axes.includes(i));
  const reduced = axes.map((axis) => all[axis]!);
  const walk = [...joined(kept), ...joined(reduced)];
  const sizeOf = (some: readonly WalkAxis[]): number => elements(some.map(({ size }) => size));
  return { outputs: sizeOf(kept), count: sizeOf(reduced), walk, ...walkParams(kernel, walk) };
}
