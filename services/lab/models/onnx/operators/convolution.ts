import type { Shape, Value } from "../../../../engine/graph/graph.ts";
import type { Mapping, Operator, WeightForm } from "../mapping.ts";
import { borders, checked, pair, planar, planarShape, spatialRank, unplanar, windowOf } from "./window.ts";

const kernelForm = (shape: Shape): WeightForm => ({ shape: planarShape(shape) });
export const vectorForm = (shape: Shape): WeightForm => ({ shape: [shape.reduce((product, side) => product * side, 1)] });

function bias(mapping: Mapping): Value | undefined { return mapping.has(2) ? mapping.weight(2, vectorForm) : undefined; }

/** The window's sides, which the weight has too. */
function kernelSides(mapping: Mapping): number[] {
  const weight = mapping.shape(1);
  const kernel = mapping.attributes.ints("kernel_shape") ?? weight.slice(2);
  if (weight.length !== mapping.shape(0).length || kernel.join() !== weight.slice(2).join()) throw mapping.refused(`a weight with a window of ${kernel.join("×")}`, `[${weight.join(", ")}]`, "export the model again");
  return [...kernel];
}

const conv: Operator = (mapping) => {
  const x = mapping.value(0);
  const like = mapping.builder.shapeOf(x);
  const { stride, dilation, padding } = windowOf(mapping, like, kernelSides(mapping));
  const groups = mapping.attributes.int("group", 1);
  return unplanar(mapping, mapping.builder.conv2d(planar(mapping, x), mapping.weight(1, kernelForm), bias(mapping), { stride, dilation, padding, groups }), like);
};

const convTranspose: Operator = (mapping) => {
  const x = mapping.value(0);
  const like = mapping.builder.shapeOf(x);
  const rank = spatialRank(mapping, like);
  const kernel = kernelSides(mapping);
  const { attributes } = mapping;
  const list = (name: string, length: number, otherwise: number, least: number): number[] => checked(mapping, name, attributes.ints(name) ?? new Array<number>(length).fill(otherwise), length, least);
  const stride = list("strides", rank, 1, 1);
  const dilation = list("dilations", rank, 1, 1);
  const outputPadding = list("output_padding", rank, 0, 0);
  const pads = transposedPads(mapping, like.slice(2), { kernel, stride, dilation, outputPadding });
  const groups = attributes.int("group", 1);
  const y = mapping.builder.convTranspose2d(planar(mapping, x), mapping.weight(1, kernelForm), bias(mapping), { stride: pair(stride, 1), dilation: pair(dilation, 1), outputPadding: pair(outputPadding, 0), padding: borders(pads), groups });
  return unplanar(mapping, y, like);
};

interface TransposedGeometry { readonly kernel: readonly number[]; readonly stride: readonly number[]; readonly dilation: readonly number[]; readonly outputPadding: readonly number[] }

/** [begin…, end…]: given, or what makes the output's sides those of output_shape (SAME: side·stride). */
function transposedPads(mapping: Mapping, sides: readonly number[], { kernel, stride, dilation, outputPadding }: TransposedGeometry): number[] {
  const { attributes } = mapping;
  const mode = attributes.word("auto_pad", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"], "NOTSET");
  const explicit = checked(mapping, "pads", attributes.ints("pads") ?? new Array<number>(2 * sides.length).fill(0), 2 * sides.length, 0);
  const given = attributes.ints("output_shape");
  const wanted = given?.slice(-sides.length) ?? (mode.startsWith("SAME") ? sides.map((side, i) => side * stride[i]!) : undefined);
  if (!wanted) return mode === "VALID" ? explicit.map(() => 0) : explicit;
  checked(mapping, "output_shape", wanted, sides.length, 1);
  const totals = sides.map((side, i) => (side - 1) * stride[i]! + outputPadding[i]! + (kernel[i]! - 1) * dilation[i]! + 1 - wanted[i]!);
  if (totals.some((total) => total < 0)) throw mapping.refused("an output_shape that cutting the borders reaches", `[${wanted.join(", ")}]`, "use pads and output_padding instead");
  const begins = totals.map((total) => (mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2)));
  return [...begins, ...totals.map((total, i) => total - begins[i]!)];
}

export const convolutionOperators: Readonly<Record<string, Operator>> = { Conv: conv, ConvTranspose: convTranspose };
