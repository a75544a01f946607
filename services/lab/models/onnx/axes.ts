import type { Shape } from "../../../engine/graph/graph.ts";
import { type NodeLabel, unsupported } from "./errors.ts";

/** An axis counted from the front. @throws AppError MODEL_UNSUPPORTED when the tensor has no such axis. */
export function axisOf(node: NodeLabel, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) throw unsupported(node, `expected an axis of a tensor of rank ${rank}, got ${axis}; export the model again`);
  return at;
}

/** Distinct axes, ascending. */
export function axesOf(node: NodeLabel, axes: readonly number[], rank: number): number[] {
  const sorted = axes.map((axis) => axisOf(node, axis, rank)).sort((a, b) => a - b);
  if (new Set(sorted).size !== sorted.length) throw unsupported(node, `expected distinct axes, got [${axes.join(", ")}]; export the model again`);
  return sorted;
}

/**
 * What a Reshape makes of a shape: 0 copies the input's side (unless `allowZero`), one −1 takes what is left.
 * @throws AppError MODEL_UNSUPPORTED when the volumes do not agree.
 */
export function reshaped(node: NodeLabel, from: Shape, target: readonly number[], allowZero: boolean): number[] {
  const refused = (): Error => unsupported(node, `expected a shape with the ${from.join("·")} elements of its input, got [${target.join(", ")}]; export the model again, with its batch size as a dynamic axis`);
  const sides = target.map((side, axis) => (side === 0 && !allowZero ? from[axis] ?? -2 : side));
  const open = sides.indexOf(-1);
  const volume = from.reduce((product, side) => product * side, 1);
  if (open >= 0) {
    const known = sides.reduce((product, side, axis) => (axis === open ? product : product * side), 1);
    if (known === 0 || volume % known !== 0) throw refused();
    sides[open] = volume / known;
  }
  if (sides.some((side) => !Number.isSafeInteger(side) || side < 0) || sides.reduce((product, side) => product * side, 1) !== volume) throw refused();
  return sides;
}

export interface SliceRange { readonly start: number; readonly step: number; readonly length: number }

/** NumPy's slice of an axis, with its bounds clamped. */
export function sliceRange(node: NodeLabel, side: number, start: number, end: number, step: number): SliceRange {
  if (!Number.isInteger(step) || step === 0) throw unsupported(node, `expected a step other than 0, got ${step}; export the model again`);
  const fromFront = (at: number): number => (at < 0 ? at + side : at);
  const clamp = (at: number, low: number, high: number): number => Math.min(Math.max(fromFront(at), low), high);
  const [first, last] = step > 0 ? [clamp(start, 0, side), clamp(end, 0, side)] : [clamp(start, 0, side - 1), clamp(end, -1, side - 1)];
  return { start: first, step, length: Math.max(0, Math.ceil((last - first) / step)) };
}

/** Sizes of the parts of a Split: given, or equal with the last one smaller. */
export function splitSizes(node: NodeLabel, side: number, sizes: readonly number[] | undefined, parts: number): readonly number[] {
  if (parts > side && sizes === undefined) throw unsupported(node, `expected at most ${side} parts, got ${parts}; export the model again`);
  const each = Math.ceil(side / parts);
  const result = sizes ?? Array.from({ length: parts }, (_, i) => Math.min(each, side - i * each));
  if (result.length !== parts || result.some((size) => !Number.isSafeInteger(size) || size < 0) || result.reduce((sum, size) => sum + size, 0) !== side) {
    throw unsupported(node, `expected ${parts} parts that add up to ${side}, got [${result.join(", ")}]; export the model again`);
  }
  return result;
}
