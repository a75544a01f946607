import type { Shape, Value } from "../../../../engine/graph/graph.ts";
import type { Pair, Sides } from "../../../../engine/kernels/window.ts";
import type { Mapping } from "../mapping.ts";

/** Geometry of a convolution or pooling over the last one or two axes; a single axis becomes [1, l]. */
export interface Window {
  readonly window: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Sides;
}

/** Larger windows, strides and borders than any classifier has; bounds what a hostile file can make the engine lay out. */
const MAX_SIDE = 1 << 14;

/** [n, c, l] as [n, c, 1, l]. @throws AppError MODEL_UNSUPPORTED unless it has one or two axes after the channels. */
export function planar(mapping: Mapping, x: Value): Value {
  const shape = mapping.builder.shapeOf(x);
  spatialRank(mapping, shape);
  return shape.length === 4 ? x : mapping.builder.reshape(x, planarShape(shape));
}

/** Undoes `planar` on a result when `like`, the operator's input, had one axis. */
export function unplanar(mapping: Mapping, y: Value, like: Shape): Value {
  if (like.length === 4) return y;
  const [n, c, , l] = mapping.builder.shapeOf(y) as [number, number, number, number];
  return mapping.builder.reshape(y, [n, c, l]);
}

export function planarShape(shape: Shape): Shape { return shape.length === 3 ? [shape[0]!, shape[1]!, 1, shape[2]!] : shape; }

export function spatialRank(mapping: Mapping, shape: Shape): 1 | 2 {
  if (shape.length !== 3 && shape.length !== 4) throw mapping.refused("one or two axes after batch and channels", `[${shape.join(", ")}]`, "three-dimensional images are not supported");
  return (shape.length - 2) as 1 | 2;
}

/** @param kernel sides of the window, as many as the input has axes after the channels. */
export function windowOf(mapping: Mapping, shape: Shape, kernel: readonly number[]): Window {
  const { attributes } = mapping;
  const rank = spatialRank(mapping, shape);
  const list = (name: string, length: number, otherwise: number, least: number): number[] => checked(mapping, name, attributes.ints(name) ?? new Array<number>(length).fill(otherwise), length, least);
  checked(mapping, "kernel_shape", kernel, rank, 1);
  const stride = list("strides", rank, 1, 1);
  const dilation = list("dilations", rank, 1, 1);
  const explicit = list("pads", 2 * rank, 0, 0);
  const automatic = automaticPads(mapping, shape.slice(2), kernel, stride, dilation);
  return { window: pair(kernel, 1), stride: pair(stride, 1), dilation: pair(dilation, 1), padding: borders(automatic ?? explicit) };
}

export function pair(sides: readonly number[], missing: number): Pair { return sides.length === 1 ? [missing, sides[0]!] : [sides[0]!, sides[1]!]; }

/** ONNX's [begin…, end…] as top, left, bottom, right. */
export function borders(pads: readonly number[]): Sides { return pads.length === 2 ? [0, pads[0]!, 0, pads[1]!] : [pads[0]!, pads[1]!, pads[2]!, pads[3]!]; }

export function checked(mapping: Mapping, name: string, values: readonly number[], length: number, least: number): number[] {
  if (values.length !== length || values.some((v) => !Number.isInteger(v) || v < least || v > MAX_SIDE)) {
    throw mapping.refused(`${name} of ${length} integers from ${least} to ${MAX_SIDE}`, `[${values.join(", ")}]`, "export the model again");
  }
  return [...values];
}

/** auto_pad's borders: SAME makes ⌈side/stride⌉ of a side; the odd element goes to the end (UPPER) or the start (LOWER). */
function automaticPads(mapping: Mapping, sides: readonly number[], kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): number[] | undefined {
  const mode = mapping.attributes.word("auto_pad", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"], "NOTSET");
  if (mode === "NOTSET") return undefined;
  const totals = sides.map((side, i) => (mode === "VALID" ? 0 : Math.max(0, (Math.ceil(side / stride[i]!) - 1) * stride[i]! + (kernel[i]! - 1) * dilation[i]! + 1 - side)));
  const begins = totals.map((total) => (mode === "SAME_LOWER" ? Math.ceil(total / 2) : Math.floor(total / 2)));
  return [...begins, ...totals.map((total, i) => total - begins[i]!)];
}
