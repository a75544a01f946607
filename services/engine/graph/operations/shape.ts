import { elements } from "../../gpu/tensor.ts";
import { mismatch, requireAxis, requireRank, sameShape } from "../check.ts";
import type { GraphBuilder, Shape, Value } from "../graph.ts";
import type { Layout } from "../physical.ts";
import { attributes, type GradientRules, inputOf, shapeOfInput } from "../tape.ts";

/** Axes of a tensor of the graph. */
export const MAX_RANK = 6;

/**
 * A constant sparse matrix that is applied along one axis: y[j] = Σ weights[t]·x[indices[t]] for t in
 * offsets[j] … offsets[j + 1] - 1. Gathering, slicing, padding and resizing are such maps (axis-maps.ts).
 */
export interface AxisMap {
  /** One more than rows; from 0 up to the count of entries. */
  readonly offsets: readonly number[];
  readonly indices: readonly number[];
  readonly weights: readonly number[];
}

export type ShapeOperation =
  | { readonly op: "flatten" } // x → [n, c·h·w]
  | { readonly op: "reshape" } // x → the same numbers in the same order
  | { readonly op: "transpose"; readonly permutation: readonly number[] } // x: axis i of the result is axis permutation[i]
  | { readonly op: "expand" } // x: axes of size 1, and new ones in front, repeated
  | { readonly op: "concat"; readonly axis: number } // xs
  | { readonly op: "axisMap"; readonly axis: number; readonly map: AxisMap } // x
  // gradients
  | { readonly op: "unflatten" } // dy → the shape before flatten
  | { readonly op: "concatGrad"; readonly axis: number; readonly start: number } // dy: what belongs to one of the xs
  // made by plan/relayout.ts only: the same tensor, laid out otherwise
  | { readonly op: "relayout"; readonly from: Layout; readonly to: Layout }; // x

export function flatten(graph: GraphBuilder, x: Value): Value {
  const [n, c, h, w] = requireRank(graph, "flatten", x, 4);
  return graph.push({ op: "flatten" }, [x], [n!, c! * h! * w!]);
}

/** Where it only joins what an image has, it is the flatten that costs a linear layer nothing. */
export function reshape(graph: GraphBuilder, x: Value, shape: Shape): Value {
  const from = graph.shapeOf(x);
  requireSides("reshape", shape);
  if (elements(from) !== elements(shape)) throw mismatch("reshape", `${elements(from)} elements`, shape);
  if (sameShape(from, shape)) return x;
  return from.length === 4 && shape.length === 2 && shape[0] === from[0] ? flatten(graph, x) : graph.push({ op: "reshape" }, [x], shape);
}

export function transpose(graph: GraphBuilder, x: Value, permutation: readonly number[]): Value {
  const shape = graph.shapeOf(x);
  if (!sameShape([...permutation].sort((a, b) => a - b), shape.map((_, i) => i))) throw mismatch("transpose", `a permutation of the ${shape.length} axes`, permutation);
  return graph.push({ op: "transpose", permutation }, [x], permutation.map((axis) => shape[axis]!));
}

export function expand(graph: GraphBuilder, x: Value, shape: Shape): Value {
  const from = graph.shapeOf(x);
  requireSides("expand", shape);
  const added = shape.length - from.length;
  if (added < 0 || !from.every((side, i) => side === 1 || side === shape[i + added])) throw mismatch("expand", `a shape that [${from.join(", ")}] can be repeated to`, shape);
  return sameShape(from, shape) ? x : graph.push({ op: "expand" }, [x], shape);
}

export function concat(graph: GraphBuilder, xs: readonly Value[], axis: number): Value {
  const shapes = xs.map((x) => graph.shapeOf(x));
  const [first] = shapes;
  if (!first) throw mismatch("concat", "at least one tensor", "none");
  requireAxis("concat", first, axis);
  const other = shapes.find((shape) => shape.length !== first.length || shape.some((side, i) => i !== axis && side !== first[i]));
  if (other) throw mismatch("concat", `shapes that differ from [${first.join(", ")}] in axis ${axis} alone`, other);
  return graph.push({ op: "concat", axis }, xs, first.with(axis, shapes.reduce((sum, shape) => sum + shape[axis]!, 0)));
}

export function axisMap(graph: GraphBuilder, x: Value, axis: number, map: AxisMap): Value {
  const shape = graph.shapeOf(x);
  const size = requireAxis("axisMap", shape, axis);
  const { offsets, indices, weights } = map;
  if (offsets.length < 2 || offsets[0] !== 0 || offsets.at(-1) !== indices.length || offsets.some((at, i) => at < (offsets[i - 1] ?? 0))) throw mismatch("axisMap", `offsets that rise from 0 to ${indices.length}`, offsets);
  if (weights.length !== indices.length || !weights.every(Number.isFinite)) throw mismatch("axisMap", `${indices.length} finite weights`, weights.length);
  const stray = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= size);
  if (stray !== undefined) throw mismatch("axisMap", `indices below ${size}`, stray);
  return graph.push({ op: "axisMap", axis, map }, [x], shape.with(axis, offsets.length - 1));
}

/** The map of the gradient. @param size of the axis before the map. */
export function transposeMap({ offsets, indices, weights }: AxisMap, size: number): AxisMap {
  const rows: [row: number, weight: number][][] = Array.from({ length: size }, () => []);
  for (let j = 0; j + 1 < offsets.length; j++) for (let t = offsets[j]!; t < offsets[j + 1]!; t++) rows[indices[t]!]!.push([j, weights[t]!]);
  const starts = [0];
  for (const row of rows) starts.push(starts.at(-1)! + row.length);
  const entries = rows.flat();
  return { offsets: starts, indices: entries.map(([row]) => row), weights: entries.map(([, weight]) => weight) };
}

export const shapeGradients = {
  flatten: [(tape, y, dy) => tape.push({ op: "unflatten" }, [dy], shapeOfInput(tape, y, 0))],
  reshape: [(tape, y, dy) => tape.push({ op: "reshape" }, [dy], shapeOfInput(tape, y, 0))],
  transpose: [(tape, y, dy) => {
    const { permutation } = attributes<"transpose">(tape, y);
    return tape.push({ op: "transpose", permutation: permutation.map((_, axis) => permutation.indexOf(axis)) }, [dy], shapeOfInput(tape, y, 0));
  }],
  concat: (tape, y, dy, position) => {
    const { axis } = attributes<"concat">(tape, y);
    const before = tape.node(y).inputs.slice(0, position).reduce((sum, x) => sum + tape.node(x).shape[axis]!, 0);
    return tape.push({ op: "concatGrad", axis, start: before }, [dy], shapeOfInput(tape, y, position));
  },
  axisMap: [(tape, y, dy) => {
    const { axis, map } = attributes<"axisMap">(tape, y);
    const shape = tape.node(inputOf(tape, y, 0)).shape;
    return tape.push({ op: "axisMap", axis, map: transposeMap(map, shape[axis]!) }, [dy], shape);
  }],
} satisfies GradientRules;

function requireSides(op: string, shape: Shape): void {
  if (shape.length < 1 || shape.length > MAX_RANK || !shape.every((side) => Number.isSafeInteger(side) && side > 0)) throw mismatch(op, `1 to ${MAX_RANK} positive sides`, shape);
}
