import type { Shape, Value } from "../../../../engine/graph/graph.ts";
import { axisOf } from "../axes.ts";
import { volume } from "../constant.ts";
import type { Mapping, Operator, WeightForm } from "../mapping.ts";
import { vectorForm } from "./convolution.ts";

const stateForm = (shape: Shape): WeightForm => ({ ...vectorForm(shape), state: true });

/** Any tensor with channels second, as [n, c, h, w] and back. */
function asImage(mapping: Mapping, normalise: (x: Value) => Value): Value {
  const { builder } = mapping;
  const x = mapping.value(0);
  const shape = builder.shapeOf(x);
  if (shape.length === 4) return normalise(x);
  if (shape.length < 2) throw mapping.refused("a tensor with channels second", `[${shape.join(", ")}]`, "export the model again");
  const [n, c, ...rest] = shape as [number, number, ...number[]];
  return builder.reshape(normalise(builder.reshape(x, [n, c, 1, rest.reduce((product, side) => product * side, 1)])), shape);
}

const batchNorm: Operator = (mapping) => {
  const { attributes, builder } = mapping;
  if (attributes.flag("training_mode", false) || [1, 2, 3, 4].some((output) => mapping.makes(output))) throw mapping.refused("batch norm that uses its running statistics", "one in training mode", "call model.eval() before the export");
  const epsilon = attributes.float("epsilon", 1e-5);
  const momentum = 1 - attributes.float("momentum", 0.9); // ONNX weighs the old statistics, PyTorch the new ones
  return asImage(mapping, (x) => builder.batchNorm(x, mapping.weight(1, vectorForm), mapping.weight(2, vectorForm), mapping.weight(3, stateForm), mapping.weight(4, stateForm), { epsilon, momentum }));
};

const instanceNorm: Operator = (mapping) => {
  const epsilon = mapping.attributes.float("epsilon", 1e-5);
  const channels = mapping.shape(0)[1]!;
  return mapping.builder.groupNorm(mapping.value(0), mapping.weight(1, vectorForm), mapping.weight(2, vectorForm), channels, epsilon);
};

/** Up to opset 20 scale and bias belong to groups, then to channels. */
const groupNorm: Operator = (mapping) => {
  const { attributes, opset } = mapping;
  const groups = attributes.int("num_groups", 0);
  const epsilon = attributes.float("epsilon", 1e-5);
  attributes.ignore("stash_type");
  const channels = mapping.shape(0)[1]!;
  const each = channels / groups;
  if (!Number.isInteger(each)) throw mapping.refused(`${channels} channels in equal groups`, `${groups} groups`, "export the model again");
  const [count, what] = opset >= 21 ? [channels, "channels"] : [groups, "groups"];
  for (const input of [1, 2]) if (volume(mapping.shape(input)) !== count) throw mapping.refused(`input ${input} to have an element for each of the ${count} ${what}`, `[${mapping.shape(input).join(", ")}]`, "export the model again");
  const form = opset >= 21 || each === 1 ? vectorForm : repeatedForm(each, channels);
  return mapping.builder.groupNorm(mapping.value(0), mapping.weight(1, form), mapping.weight(2, form), groups, epsilon);
};

const repeatedForm = (each: number, channels: number) => (): WeightForm => ({ shape: [channels], arranged: { how: "repeated", values: (data) => Float32Array.from({ length: channels }, (_, i) => data[Math.floor(i / each)]!) } });

const layerNorm: Operator = (mapping) => {
  const { attributes, builder } = mapping;
  const shape = mapping.shape(0);
  const axis = axisOf(mapping.node, attributes.int("axis", -1), shape.length);
  const epsilon = attributes.float("epsilon", 1e-5);
  attributes.ignore("stash_type"); // the engine computes in f32
  if (mapping.makes(1) || mapping.makes(2)) throw mapping.refused("layer norm with one output", "one that returns its statistics", "export the model for inference");
  const parameter = (input: number): Value | undefined => {
    if (!mapping.has(input)) return undefined;
    const known = mapping.shape(input);
    if (known.join() !== shape.slice(axis).join()) throw mapping.refused(`input ${input} of the normalised shape [${shape.slice(axis).join(", ")}]`, `[${known.join(", ")}]`, "multiply and add after the norm instead");
    return mapping.value(input);
  };
  return builder.layerNorm(mapping.value(0), parameter(1), parameter(2), axis, epsilon);
};

const lrn: Operator = (mapping) => {
  const { attributes } = mapping;
  return mapping.builder.lrn(mapping.value(0), { size: attributes.int("size", 0), alpha: attributes.float("alpha", 1e-4), beta: attributes.float("beta", 0.75), bias: attributes.float("bias", 1) });
};

/** Before opset 13, softmax ran over all axes from `axis` on at once. */
const softmax = (fn: "softmax" | "logSoftmax"): Operator => (mapping) => {
  const { builder, attributes, opset } = mapping;
  const x = mapping.value(0);
  const shape = builder.shapeOf(x);
  const axis = axisOf(mapping.node, attributes.int("axis", opset < 13 ? 1 : -1), shape.length);
  if (opset >= 13 || axis === shape.length - 1) return builder[fn](x, axis);
  const rows = shape.slice(0, axis).reduce((product, side) => product * side, 1);
  const flat = builder.reshape(x, [rows, shape.slice(axis).reduce((product, side) => product * side, 1)]);
  return builder.reshape(builder[fn](flat, 1), shape);
};

export const normOperators: Readonly<Record<string, Operator>> = {
  BatchNormalization: batchNorm, InstanceNormalization: instanceNorm, GroupNormalization: groupNorm, LayerNormalization: layerNorm, LRN: lrn,
  Softmax: softmax("softmax"), LogSoftmax: softmax("logSoftmax"),
};
