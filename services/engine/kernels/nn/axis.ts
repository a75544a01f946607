import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";

/** A dense tensor seen along one of its axes: [outer, size, inner]. */
export interface AxisShape {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** @param axis counted from 0. */
export function axisShape(shape: readonly number[], axis: number): AxisShape {
  const product = (sides: readonly number[]): number => sides.reduce((total, side) => total * side, 1);
  return { outer: product(shape.slice(0, axis)), size: shape[axis]!, inner: product(shape.slice(axis + 1)) };
}

/**
 * Checks a kernel that takes one line along the axis per invocation.
 *
 * @throws EngineError SHAPE_MISMATCH.
 */
export function requireLines(spec: KernelSpec, { outer, size, inner }: AxisShape, tensors: Readonly<Record<string, Tensor>>): { params: { sums: number; size: number; inner: number }; workgroups: number } {
  requirePositive(spec.name, { outer, size, inner });
  for (const [name, tensor] of Object.entries(tensors)) requireElements(spec.name, name, tensor, outer * size * inner);
  return { params: { sums: outer * inner, size, inner }, workgroups: elementwiseGroups(spec, outer * inner) };
}
