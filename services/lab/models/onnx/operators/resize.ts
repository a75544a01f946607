import type { Value } from "../../../../engine/graph/graph.ts";
import { axesOf } from "../axes.ts";
import { batchedSide } from "../fixed-batch.ts";
import type { Mapping, Operator } from "../mapping.ts";
import { mapAxis, type Taps } from "./sparse-axis.ts";

/** Where in an axis of `from` elements element x of `to` lies; `scale` is to/from unless the model says otherwise. */
type Coordinate = (x: number, scale: number, from: number, to: number) => number;

const halfPixel: Coordinate = (x, scale) => (x + 0.5) / scale - 0.5;
const COORDINATES = {
  half_pixel: halfPixel,
  half_pixel_symmetric: (x, scale, from, to) => from / 2 * (1 - to / (scale * from)) + halfPixel(x, scale, from, to),
  pytorch_half_pixel: (x, scale, from, to) => (to > 1 ? halfPixel(x, scale, from, to) : 0),
  asymmetric: (x, scale) => x / scale,
  align_corners: (x, _scale, from, to) => (to === 1 ? 0 : x * (from - 1) / (to - 1)),
} as const satisfies Readonly<Record<string, Coordinate>>;

const ROUNDINGS = {
  round_prefer_floor: (x: number) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x: number) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
} as const;

interface Target { readonly axis: number; readonly scale: number; readonly length: number }

/** Opset 10: half pixels were not known yet. */
const resize: Operator = (mapping) => {
  const { attributes, opset } = mapping;
  const old = opset < 11;
  const mode = attributes.word("mode", ["nearest", "linear"], "nearest");
  const coordinate = COORDINATES[old ? "asymmetric" : attributes.word("coordinate_transformation_mode", Object.keys(COORDINATES) as (keyof typeof COORDINATES)[], "half_pixel")];
  const rounding = ROUNDINGS[old ? "floor" : attributes.word("nearest_mode", Object.keys(ROUNDINGS) as (keyof typeof ROUNDINGS)[], "round_prefer_floor")];
  if (attributes.flag("antialias", false)) throw mapping.refused("a resize without antialias", "one with it", "resize the images before the model");
  attributes.word("keep_aspect_ratio_policy", ["stretch"], "stretch");
  attributes.ignore("cubic_coeff_a", "exclude_outside", "extrapolation_value"); // of modes that were refused above
  const x = mapping.value(0);
  return targets(mapping, old ? 1 : 2).reduce((y, { axis, scale, length }): Value => {
    const from = mapping.builder.shapeOf(y)[axis]!;
    if (length === from && scale === 1) return y;
    const at = (i: number): number => coordinate(i, scale, from, length);
    return mapAxis(mapping, y, axis, length, mode === "nearest" ? (i) => [[clamp(rounding(at(i)), from), 1]] : (i) => linear(at(i), from));
  }, x);
};

function linear(x: number, from: number): Taps {
  const low = Math.floor(x);
  const [a, b, share] = [clamp(low, from), clamp(low + 1, from), x - low];
  return a === b ? [[a, 1]] : [[a, 1 - share], [b, share]];
}

function clamp(index: number, side: number): number { return Math.min(Math.max(index, 0), side - 1); }

/** The axes that change, from scales or (opset 11) sizes. */
function targets(mapping: Mapping, scalesInput: number): Target[] {
  const shape = mapping.shape(0);
  const axes = mapping.attributes.ints("axes") ?? shape.map((_, axis) => axis);
  axesOf(mapping.node, axes, shape.length);
  const positions = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
  const scales = nonEmpty(mapping.numbers(scalesInput));
  const sizes = scales ? undefined : nonEmpty(mapping.numbers(scalesInput + 1));
  const given = scales ?? sizes;
  if (given?.length !== axes.length || given.some((v) => !(v > 0))) throw mapping.refused(`${axes.length} positive scales or sizes`, given ? `[${given.join(", ")}]` : "neither", "export the model with a constant size");
  return positions.map((axis, i) => {
    const from = shape[axis]!;
    if (scales) return { axis, scale: scales[i]!, length: Math.floor(from * scales[i]!) };
    const length = batchedSide(mapping, axis, sizes![i]!);
    return { axis, scale: length / from, length };
  });
}

function nonEmpty(list: number[] | undefined): number[] | undefined { return list?.length ? list : undefined; }

export const resizeOperators: Readonly<Record<string, Operator>> = { Resize: resize, Upsample: resize };
