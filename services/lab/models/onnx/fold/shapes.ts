import { axesOf, axisOf, reshaped, sliceRange, splitSizes } from "../axes.ts";
import { broadcastShape, broadcastStrides, type Constant, constant, integers, volume } from "../constant.ts";
import { unsupported } from "../errors.ts";
import { type Fold, type Folding, operand, operands, room, strided, stridesOf } from "./folding.ts";

/** The numbers of an input, or of the attribute that older opsets had in its place; undefined: neither is there. */
function numbers({ inputs, attributes }: Folding, index: number, attribute?: string): number[] | undefined {
  const input = inputs[index];
  if (input) return Array.from(input.data);
  return attribute === undefined ? undefined : attributes.ints(attribute);
}

const constantNode: Fold = ({ attributes, node }) => {
  const tensor = attributes.tensor("value");
  if (tensor) return tensor;
  if (attributes.has("value_float")) return constant("float", [], [attributes.float("value_float")!]);
  if (attributes.has("value_int")) return constant("int", [], [attributes.int("value_int")!]);
  const floats = attributes.floats("value_floats");
  if (floats) return constant("float", [floats.length], floats);
  const ints = attributes.ints("value_ints");
  if (ints) return integers(ints);
  throw unsupported(node, "expected a constant of numbers, got one of strings or a sparse one; export the model again");
};

const constantOfShape: Fold = (folding) => {
  const value = folding.attributes.tensor("value") ?? constant("float", [1], [0]);
  const shape = Array.from(operand(folding, 0).data);
  if (shape.some((side) => !Number.isSafeInteger(side) || side < 0)) throw unsupported(folding.node, `expected a shape, got [${shape.join(", ")}]; export the model again`);
  const y = room(folding, value.type, shape);
  y.data.fill(value.data[0] ?? 0);
  return y;
};

const gather: Fold = (folding) => {
  const [x, indices] = [operand(folding, 0), operand(folding, 1)];
  const axis = axisOf(folding.node, folding.attributes.int("axis", 0), x.shape.length);
  const [before, side, after] = [volume(x.shape.slice(0, axis)), x.shape[axis]!, volume(x.shape.slice(axis + 1))];
  const y = room(folding, x.type, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
  for (let i = 0, to = 0; i < before; i++) {
    for (const index of indices.data) {
      const from = axisOf(folding.node, index, side);
      for (let j = 0; j < after; j++) y.data[to++] = x.data[(i * side + from) * after + j]!;
    }
  }
  return y;
};

const concat: Fold = (folding) => {
  const parts = operands(folding);
  const { shape } = parts[0]!;
  const axis = axisOf(folding.node, folding.attributes.int("axis", 0), shape.length);
  if (parts.some((part) => part.shape.length !== shape.length || part.shape.some((side, i) => i !== axis && side !== shape[i]))) {
    throw unsupported(folding.node, `expected parts that agree but for axis ${axis}, got ${parts.map((part) => `[${part.shape.join(", ")}]`).join(", ")}; export the model again`);
  }
  const y = room(folding, parts[0]!.type, shape.map((side, i) => (i === axis ? parts.reduce((sum, part) => sum + part.shape[axis]!, 0) : side)));
  let to = 0;
  for (let i = 0; i < volume(shape.slice(0, axis)); i++) {
    for (const { data, shape: sides } of parts) {
      const length = volume(sides.slice(axis));
      y.data.set(data.subarray(i * length, (i + 1) * length), to);
      to += length;
    }
  }
  return y;
};

const slice: Fold = (folding) => {
  const { node } = folding;
  const x = operand(folding, 0);
  const old = folding.opset < 10;
  const starts = numbers(folding, 1, old ? "starts" : undefined) ?? [];
  const ends = numbers(folding, 2, old ? "ends" : undefined) ?? [];
  const axes = (numbers(folding, 3, old ? "axes" : undefined) ?? starts.map((_, i) => i)).map((axis) => axisOf(node, axis, x.shape.length));
  const strides = stridesOf(x.shape);
  const shape = [...x.shape];
  let offset = 0;
  axes.forEach((axis, i) => {
    const range = sliceRange(node, x.shape[axis]!, starts[i]!, ends[i]!, folding.inputs[4]?.data[i] ?? 1);
    offset += range.start * strides[axis]!;
    strides[axis]! *= range.step;
    shape[axis] = range.length;
  });
  return strided(folding, x, shape, strides, offset);
};

const split: Fold = (folding) => {
  const { node, attributes, outputCount } = folding;
  const x = operand(folding, 0);
  const axis = axisOf(node, attributes.int("axis", 0), x.shape.length);
  attributes.ignore("num_outputs");
  const strides = stridesOf(x.shape);
  let start = 0;
  return splitSizes(node, x.shape[axis]!, numbers(folding, 1, "split"), outputCount).map((size) => {
    const part = strided(folding, x, x.shape.map((side, i) => (i === axis ? size : side)), strides, start * strides[axis]!);
    start += size;
    return part;
  });
};

const range: Fold = (folding) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => operand(folding, i).data[0] ?? 0) as [number, number, number];
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(length)) throw unsupported(folding.node, `expected a range of whole length, got ${start} to ${limit} by ${delta}; export the model again`);
  const y = room(folding, operand(folding, 0).type, [length]);
  y.data.forEach((_, i) => { y.data[i] = start + i * delta; });
  return y;
};

const transpose: Fold = (folding) => {
  const x = operand(folding, 0);
  const permutation = permutationOf(folding, x.shape.length);
  const strides = stridesOf(x.shape);
  return strided(folding, x, permutation.map((axis) => x.shape[axis]!), permutation.map((axis) => strides[axis]!));
};

function permutationOf({ attributes, node }: Folding, rank: number): readonly number[] {
  const permutation = attributes.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (permutation.length !== rank || axesOf(node, permutation, rank).length !== rank) throw unsupported(node, `expected a permutation of ${rank} axes, got [${permutation.join(", ")}]; export the model again`);
  return permutation;
}

const expand: Fold = (folding) => {
  const x = operand(folding, 0);
  const shape = broadcastShape(x.shape, Array.from(operand(folding, 1).data));
  if (!shape) throw unsupported(folding.node, "expected shapes that broadcast, got others; export the model again");
  return strided(folding, x, shape, broadcastStrides(x.shape, shape.length));
};

const reshape: Fold = (folding) => {
  const x = operand(folding, 0);
  return { ...x, shape: reshaped(folding.node, x.shape, Array.from(operand(folding, 1).data), folding.attributes.flag("allowzero", false)) };
};

const squeeze: Fold = (folding) => {
  const x = operand(folding, 0);
  const axes = numbers(folding, 1, "axes") ?? x.shape.flatMap((side, i) => (side === 1 ? [i] : []));
  return { ...x, shape: squeezed(folding, x.shape, axes) };
};

function squeezed({ node }: Folding, shape: readonly number[], axes: readonly number[]): number[] {
  const dropped = axesOf(node, axes, shape.length);
  if (dropped.some((axis) => shape[axis] !== 1)) throw unsupported(node, `expected sides of 1 at axes [${axes.join(", ")}], got [${shape.join(", ")}]; export the model again`);
  return shape.filter((_, axis) => !dropped.includes(axis));
}

const unsqueeze: Fold = (folding) => {
  const x = operand(folding, 0);
  const axes = numbers(folding, 1, "axes") ?? [];
  const added = axesOf(folding.node, axes, x.shape.length + axes.length);
  const shape = [...x.shape];
  for (const axis of added) shape.splice(axis, 0, 1);
  return { ...x, shape };
};

const flatten: Fold = (folding) => {
  const x = operand(folding, 0);
  const given = folding.attributes.int("axis", 1);
  const axis = given === x.shape.length ? given : axisOf(folding.node, given, x.shape.length);
  return { ...x, shape: [volume(x.shape.slice(0, axis)), volume(x.shape.slice(axis))] };
};

const reduce = (f: (a: number, b: number) => number, start: number, axesAreInputSince: number): Fold => (folding) => {
  const { node, attributes } = folding;
  const x = operand(folding, 0);
  const given = numbers(folding, 1, folding.opset < axesAreInputSince ? "axes" : undefined) ?? [];
  const [keep, noop] = [attributes.flag("keepdims", true), attributes.flag("noop_with_empty_axes", false)];
  if (noop && given.length === 0) return x;
  const axes = axesOf(node, given.length > 0 ? given : x.shape.map((_, i) => i), x.shape.length);
  const y = room(folding, x.type, x.shape.map((side, axis) => (axes.includes(axis) ? 1 : side)));
  y.data.fill(start);
  const strides = broadcastStrides(y.shape, x.shape.length);
  const positions = strided(folding, constant("int", y.shape, y.data.map((_, i) => i)), x.shape, strides);
  x.data.forEach((value, i) => { y.data[positions.data[i]!] = f(y.data[positions.data[i]!]!, value); });
  return { ...y, shape: keep ? y.shape : x.shape.filter((_, axis) => !axes.includes(axis)) };
};

const identity: Fold = (folding) => {
  folding.attributes.ignore("ratio", "seed");
  return operand(folding, 0);
};

export const shapeFolds: Readonly<Record<string, Fold>> = {
  Constant: constantNode, ConstantOfShape: constantOfShape, Range: range, Identity: identity,
  Size: (folding) => constant("int", [], [operand(folding, 0).data.length]),
  Gather: gather, Concat: concat, Slice: slice, Split: split, Transpose: transpose, Expand: expand,
  Reshape: reshape, Squeeze: squeeze, Unsqueeze: unsqueeze, Flatten: flatten,
  ReduceProd: reduce((a, b) => a * b, 1, 18), ReduceSum: reduce((a, b) => a + b, 0, 13), ReduceMax: reduce(Math.max, -Infinity, 18), ReduceMin: reduce(Math.min, Infinity, 18),
};

/** The sides of a value, as the Shape operator gives them. */
export function shapeOf({ attributes }: Pick<Folding, "attributes">, sides: readonly number[]): Constant {
  return integers(sides.slice(attributes.int("start", 0), attributes.int("end") ?? sides.length));
}
