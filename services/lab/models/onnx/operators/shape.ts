import type { Shape, Value } from "../../../../engine/graph/graph.ts";
import { axesOf, axisOf, reshaped, sliceRange, splitSizes } from "../axes.ts";
import { broadcastShape } from "../constant.ts";
import { batchedShape, batchedSide, expandToBatch } from "../fixed-batch.ts";
import type { Mapping, Operator } from "../mapping.ts";
import { mapAxis } from "./sparse-axis.ts";

const reshape: Operator = (mapping) => {
  const x = mapping.value(0);
  const from = mapping.builder.shapeOf(x);
  const target = mapping.numbers(1) ?? [];
  const allowZero = mapping.attributes.flag("allowzero", false);
  return mapping.builder.reshape(x, batchedShape(mapping, from) ?? reshaped(mapping.node, from, target, allowZero));
};

const flatten: Operator = (mapping) => {
  const x = mapping.value(0);
  const shape = mapping.builder.shapeOf(x);
  const given = mapping.attributes.int("axis", 1);
  const axis = given === shape.length ? given : axisOf(mapping.node, given, shape.length);
  const volume = (sides: Shape): number => sides.reduce((product, side) => product * side, 1);
  return mapping.builder.reshape(x, [volume(shape.slice(0, axis)), volume(shape.slice(axis))]);
};

/** Without axes, all sides of 1 but the batch's, which has one image at times. */
const squeeze: Operator = (mapping) => {
  const x = mapping.value(0);
  const shape = mapping.builder.shapeOf(x);
  const given = mapping.numbers(1, "axes");
  const axes = given ? axesOf(mapping.node, given, shape.length) : shape.flatMap((side, axis) => (side === 1 && axis > 0 ? [axis] : []));
  if (axes.some((axis) => shape[axis] !== 1)) throw mapping.refused(`sides of 1 at axes [${axes.join(", ")}]`, `[${shape.join(", ")}]`, "export the model again");
  return mapping.builder.reshape(x, shape.filter((_, axis) => !axes.includes(axis)));
};

const unsqueeze: Operator = (mapping) => {
  const x = mapping.value(0);
  const axes = mapping.numbers(1, "axes") ?? [];
  const shape = [...mapping.builder.shapeOf(x)];
  for (const axis of axesOf(mapping.node, axes, shape.length + axes.length)) shape.splice(axis, 0, 1);
  return mapping.builder.reshape(x, shape);
};

const transpose: Operator = (mapping) => {
  const rank = mapping.shape(0).length;
  const permutation = mapping.attributes.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (permutation.length !== rank || permutation.some((axis) => axis < 0)) throw mapping.refused(`a permutation of ${rank} axes`, `[${permutation.join(", ")}]`, "export the model again");
  axesOf(mapping.node, permutation, rank);
  return mapping.builder.transpose(mapping.value(0), permutation);
};

const expand: Operator = (mapping) => {
  const x = mapping.broadcastable(0);
  const from = mapping.shape(0);
  const target = mapping.numbers(1) ?? [];
  const added = target.length - from.length;
  const shape = broadcastShape(from, target.map((side, i) => (side === 1 || i < added ? side : batchedSide(mapping, i - added, side))));
  if (!shape) throw mapping.refused(`a shape that [${from.join(", ")}] broadcasts to`, `[${target.join(", ")}]`, "export the model again");
  return mapping.builder.expand(x, shape);
};

const concat: Operator = (mapping) => {
  const parts = mapping.node.inputs.flatMap((_, i) => (mapping.has(i) ? [mapping.value(i)] : []));
  if (parts.length === 0) throw mapping.refused("parts", "none", "export the model again");
  const axis = axisOf(mapping.node, mapping.attributes.int("axis", 1), mapping.builder.shapeOf(parts[0]!).length);
  return parts.length === 1 ? parts[0]! : mapping.builder.concat(expandToBatch(mapping, parts, axis), axis);
};

/** Part of an axis, by its first element, its length and its step. */
function part(mapping: Mapping, x: Value, axis: number, start: number, length: number, step = 1): Value {
  if (length < 1) throw mapping.refused(`a part of axis ${axis} with elements`, "an empty one", "export the model again");
  const side = mapping.builder.shapeOf(x)[axis];
  return length === side && step === 1 ? x : mapAxis(mapping, x, axis, length, (i) => [[start + i * step, 1]]);
}

const slice: Operator = (mapping) => {
  const old = mapping.opset < 10;
  let x = mapping.value(0);
  const shape = mapping.builder.shapeOf(x);
  const starts = mapping.numbers(1, old ? "starts" : undefined) ?? [];
  const ends = mapping.numbers(2, old ? "ends" : undefined) ?? [];
  const axes = (mapping.numbers(3, old ? "axes" : undefined) ?? starts.map((_, i) => i)).map((axis) => axisOf(mapping.node, axis, shape.length));
  const steps = mapping.numbers(4) ?? starts.map(() => 1);
  if (new Set([starts.length, ends.length, axes.length, steps.length]).size !== 1) throw mapping.refused("as many starts as ends, axes and steps", [starts, ends, axes, steps].map(({ length }) => length).join(", "), "export the model again");
  axes.forEach((axis, i) => {
    const range = sliceRange(mapping.node, shape[axis]!, starts[i]!, ends[i]!, steps[i]!);
    x = part(mapping, x, axis, range.start, range.length, range.step);
  });
  return x;
};

const split: Operator = (mapping) => {
  const x = mapping.value(0);
  const shape = mapping.builder.shapeOf(x);
  const axis = axisOf(mapping.node, mapping.attributes.int("axis", 0), shape.length);
  mapping.attributes.ignore("num_outputs"); // as many as the node has
  let start = 0;
  return splitSizes(mapping.node, shape[axis]!, mapping.numbers(1, mapping.opset < 13 ? "split" : undefined), mapping.node.outputs.length).map((size) => {
    const y = part(mapping, x, axis, start, size);
    start += size;
    return y;
  });
};

const gather: Operator = (mapping) => {
  const x = mapping.value(0);
  const shape = mapping.builder.shapeOf(x);
  const axis = axisOf(mapping.node, mapping.attributes.int("axis", 0), shape.length);
  const indices = mapping.constant(1);
  if (!indices) throw mapping.refused("an input number 1", "none", "export the model again");
  const from = Array.from(indices.data, (index) => axisOf(mapping.node, index, shape[axis]!));
  const y = mapAxis(mapping, x, axis, from.length, (i) => [[from[i]!, 1]]);
  return indices.shape.length === 1 ? y : mapping.builder.reshape(y, [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)]);
};

/** Elements outside are a constant, the mirror image without the edge, or the edge; a constant other than 0 is added. */
const pad: Operator = (mapping) => {
  const { attributes, builder, opset, node } = mapping;
  const mode = attributes.word("mode", ["constant", "reflect", "edge"], "constant");
  const shape = mapping.shape(0);
  const pads = mapping.numbers(1, opset < 11 ? "pads" : undefined) ?? [];
  const value = (opset < 11 ? attributes.float("value") : mapping.scalar(2)) ?? 0;
  const axes = (mapping.numbers(3) ?? shape.map((_, axis) => axis)).map((axis) => axisOf(node, axis, shape.length));
  if (pads.length !== 2 * axes.length) throw mapping.refused(`${2 * axes.length} borders`, String(pads.length), "export the model again");
  return axes.reduce<Value>((x, axis, i) => {
    const [before, after] = [pads[i]!, pads[i + axes.length]!];
    if (before === 0 && after === 0) return x;
    const side = shape[axis]!;
    if (mode === "reflect" && Math.max(before, after) >= side) throw mapping.refused(`borders smaller than the ${side} elements that they mirror`, `${before} and ${after}`, "pad less, or by edge");
    const length = side + before + after;
    const inside = (at: number): boolean => at >= 0 && at < side;
    const y = mapAxis(mapping, x, axis, length, (j) => {
      const at = j - before;
      if (inside(at)) return [[at, 1]];
      if (mode === "constant") return [];
      return [[mode === "edge" ? Math.min(Math.max(at, 0), side - 1) : at < 0 ? -at : 2 * (side - 1) - at, 1]];
    });
    if (mode !== "constant" || value === 0) return y;
    const border = Array.from({ length }, (_, j) => (inside(j - before) ? 0 : value));
    return builder.binary("add", y, builder.frozen(`${node.outputs[0]}.border.${axis}`, [length, ...shape.slice(axis + 1).map(() => 1)], border));
  }, mapping.value(0));
};

const identity: Operator = (mapping) => mapping.term(0);

const dropout: Operator = (mapping) => {
  if (mapping.makes(1)) throw mapping.refused("a dropout with one output", "one that returns its mask", "export the model for inference");
  if (mapping.constant(2)?.data[0] && mapping.scalar(1) !== 0) throw mapping.refused("dropout that is off", "one in training mode", "call model.eval() before the export");
  mapping.attributes.ignore("ratio", "seed");
  return mapping.term(0);
};

export const shapeOperators: Readonly<Record<string, Operator>> = {
  Reshape: reshape, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze, Transpose: transpose, Expand: expand,
  Concat: concat, Slice: slice, Split: split, Gather: gather, Pad: pad, Identity: identity, Dropout: dropout,
};
