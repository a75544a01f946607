import { mismatch, requireAxis } from "./check.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import type { AxisMap } from "./operations/shape.ts";

/** What NumPy and ONNX do along one axis with indices known beforehand, as constant sparse maps: one operation and its gradient serve all. */

/** NumPy's x[start:end:step] along one axis: negative bounds count from the end, bounds beyond the axis are cut. @throws EngineError SHAPE_MISMATCH when nothing is left. */
export function slice(graph: GraphBuilder, x: Value, axis: number, start: number, end: number, step = 1): Value {
  const size = requireAxis("slice", graph.shapeOf(x), axis);
  if (!Number.isInteger(step) || step === 0) throw mismatch("slice", "a step other than 0", step);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const cut = (bound: number): number => Math.min(high, Math.max(low, bound < 0 ? bound + size : bound));
  const [first, beyond] = [cut(start), cut(end)];
  const count = Math.ceil((beyond - first) / step);
  if (!(count > 0)) throw mismatch("slice", `bounds with elements of an axis of ${size} between them`, { start, end, step });
  return count === size && step === 1 ? x : gather(graph, x, axis, Array.from({ length: count }, (_, i) => first + i * step));
}

/** Elements of one axis by number; a negative one counts from the end. */
export function gather(graph: GraphBuilder, x: Value, axis: number, indices: readonly number[]): Value {
  const size = requireAxis("gather", graph.shapeOf(x), axis);
  return graph.axisMap(x, axis, selection(indices.map((index) => (index < 0 ? index + size : index))));
}

export type PadMode = "constant" | "reflect" | "edge";

/**
 * Adds `before` and `after` elements to an axis; takes some away where they are negative. "reflect" mirrors at the outermost
 * element without repeating it, "edge" repeats it. `value` is for "constant".
 */
export function pad(graph: GraphBuilder, x: Value, axis: number, before: number, after: number, mode: PadMode, value = 0): Value {
  const size = requireAxis("pad", graph.shapeOf(x), axis);
  const padded = before + size + after;
  if (!Number.isInteger(before) || !Number.isInteger(after) || padded < 1) throw mismatch("pad", "whole numbers of elements that leave some", [before, after]);
  if (mode === "reflect" && Math.max(before, after) >= size) throw mismatch("pad", `less than ${size} reflected elements`, [before, after]);
  if (before === 0 && after === 0) return x;
  const sources = Array.from({ length: padded }, (_, j) => j - before);
  const inside = (j: number): boolean => j >= 0 && j < size;
  if (mode === "reflect") return graph.axisMap(x, axis, selection(sources.map((j) => size - 1 - Math.abs(size - 1 - Math.abs(j)))));
  if (mode === "edge") return graph.axisMap(x, axis, selection(sources.map((j) => Math.min(size - 1, Math.max(0, j)))));
  const y = graph.axisMap(x, axis, mapOf(sources.map((j) => (inside(j) ? [[j, 1]] : []))));
  if (value === 0) return y;
  const border = graph.constant(graph.shapeOf(x).map((_, i) => (i === axis ? padded : 1)), sources.map((j) => (inside(j) ? 0 : value)));
  return graph.binary("add", y, border);
}

/** ONNX's coordinate transformations: where, before resizing, the element number j of the result comes from. */
export type ResizeCoordinates = "half_pixel" | "pytorch_half_pixel" | "asymmetric" | "align_corners";
export type ResizeRounding = "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";

export interface ResizeOptions {
  readonly mode: "nearest" | "linear";
  /** Default "half_pixel", as PyTorch's align_corners=False. */
  readonly coordinates?: ResizeCoordinates;
  /** For "nearest". Default "round_prefer_floor", ONNX's; PyTorch's is "floor" of "asymmetric". */
  readonly rounding?: ResizeRounding;
  /** New size / old size, where the file says it and it is not the quotient of the whole sizes. */
  readonly scale?: number;
}

/** Nearest or linear interpolation along one axis to `size` elements; resizing an image is two of them. What lies outside is the outermost element. */
export function resize(graph: GraphBuilder, x: Value, axis: number, size: number, { mode, coordinates = "half_pixel", rounding = "round_prefer_floor", scale }: ResizeOptions): Value {
  const from = requireAxis("resize", graph.shapeOf(x), axis);
  const ratio = scale ?? size / from;
  if (!Number.isInteger(size) || size < 1 || !(ratio > 0)) throw mismatch("resize", "a positive size and scale", { size, scale: ratio });
  const last = from - 1;
  const places = Array.from({ length: size }, (_, j) => source(j, { from, size, ratio, coordinates }));
  const inside = (j: number): number => Math.min(last, Math.max(0, j));
  if (mode === "nearest") return graph.axisMap(x, axis, selection(places.map((place) => inside(round(place, rounding)))));
  return graph.axisMap(x, axis, mapOf(places.map((place) => {
    const at = inside(place);
    const low = Math.floor(at);
    return at === low ? [[low, 1]] : [[low, 1 - (at - low)], [low + 1, at - low]];
  })));
}

function source(j: number, { from, size, ratio, coordinates }: { from: number; size: number; ratio: number; coordinates: ResizeCoordinates }): number {
  switch (coordinates) {
    case "half_pixel": return (j + 0.5) / ratio - 0.5;
    case "pytorch_half_pixel": return size > 1 ? (j + 0.5) / ratio - 0.5 : 0;
    case "asymmetric": return j / ratio;
    case "align_corners": return size > 1 ? (j * (from - 1)) / (size - 1) : 0;
  }
}

function round(place: number, rounding: ResizeRounding): number {
  switch (rounding) {
    case "round_prefer_floor": return Math.ceil(place - 0.5);
    case "round_prefer_ceil": return Math.floor(place + 0.5);
    case "floor": return Math.floor(place);
    case "ceil": return Math.ceil(place);
  }
}

/** A map whose rows pick one element each. */
function selection(indices: readonly number[]): AxisMap { return mapOf(indices.map((index) => [[index, 1]])); }

function mapOf(rows: readonly (readonly (readonly [index: number, weight: number])[])[]): AxisMap {
  const offsets = [0];
  for (const row of rows) offsets.push(offsets.at(-1)! + row.length);
  const entries = rows.flat();
  return { offsets, indices: entries.map(([index]) => index), weights: entries.map(([, weight]) => weight) };
}
