import type { Value } from "../../../../engine/graph/graph.ts";
import { axesOf } from "../axes.ts";
import type { Mapping, Operator } from "../mapping.ts";
import { planar, spatialRank, unplanar, windowOf } from "./window.ts";

function kernelOf(mapping: Mapping): number[] {
  const kernel = mapping.attributes.ints("kernel_shape");
  if (!kernel) throw mapping.refused("a kernel_shape", "none", "export the model again");
  return kernel;
}

const maxPool: Operator = (mapping) => {
  if (mapping.makes(1)) throw mapping.refused("a max-pool with one output", "one that returns indices too", "export the model without return_indices");
  const x = mapping.value(0);
  const like = mapping.builder.shapeOf(x);
  mapping.attributes.ignore("storage_order"); // of the indices
  const ceilMode = mapping.attributes.flag("ceil_mode", false);
  return unplanar(mapping, mapping.builder.maxPool(planar(mapping, x), { ...windowOf(mapping, like, kernelOf(mapping)), ceilMode }), like);
};

/** PyTorch writes local response norm as a pooling of three axes, over channels alone: the others are one axis to it. */
function withoutIdleAxes(mapping: Mapping, x: Value): Value | undefined {
  const shape = mapping.builder.shapeOf(x);
  const kernel = kernelOf(mapping);
  const { attributes } = mapping;
  const [strides = [1, 1, 1], pads = [0, 0, 0, 0, 0, 0]] = [attributes.ints("strides"), attributes.ints("pads")];
  const idle = [1, 2].every((axis) => kernel[axis] === 1 && strides[axis] === 1 && pads[axis] === 0 && pads[axis + 3] === 0);
  if (shape.length !== 5 || kernel.length !== 3 || !idle) return undefined;
  const countIncludePad = attributes.flag("count_include_pad", false);
  if (attributes.flag("ceil_mode", false)) return undefined;
  attributes.ignore("auto_pad");
  const [n, c, d, h, w] = shape as [number, number, number, number, number];
  const y = mapping.builder.averagePool(mapping.builder.reshape(x, [n, c, d, h * w]), { window: [kernel[0]!, 1], stride: [strides[0]!, 1], padding: [pads[0]!, 0, pads[3]!, 0], countIncludePad });
  return mapping.builder.reshape(y, [n, c, mapping.builder.shapeOf(y)[2]!, h, w]);
}

const averagePool: Operator = (mapping) => {
  const x = mapping.value(0);
  const along = mapping.shape(0).length === 5 ? withoutIdleAxes(mapping, x) : undefined;
  if (along !== undefined) return along;
  const like = mapping.builder.shapeOf(x);
  const { dilation, ...window } = windowOf(mapping, like, kernelOf(mapping));
  if (dilation.some((step) => step !== 1)) throw mapping.refused("dilations of 1", `[${dilation.join(", ")}]`, "a dilated average pool is not supported; use a convolution of equal weights");
  const options = { ceilMode: mapping.attributes.flag("ceil_mode", false), countIncludePad: mapping.attributes.flag("count_include_pad", false) };
  return unplanar(mapping, mapping.builder.averagePool(planar(mapping, x), { ...window, ...options }), like);
};

const globalAveragePool: Operator = (mapping) => {
  const x = mapping.value(0);
  const like = mapping.builder.shapeOf(x);
  return unplanar(mapping, mapping.builder.globalAveragePool(planar(mapping, x)), like);
};

const globalMaxPool: Operator = (mapping) => {
  const shape = mapping.shape(0);
  spatialRank(mapping, shape);
  return mapping.builder.reduce("max", mapping.value(0), shape.slice(2).map((_, i) => i + 2), true);
};

/** Axes are an attribute before the opset, an input since. */
const reduce = (fn: "sum" | "mean" | "max" | "min", axesAreInputSince: number): Operator => (mapping) => {
  const { builder, attributes, opset } = mapping;
  const x = mapping.value(0);
  const shape = builder.shapeOf(x);
  const given = mapping.numbers(1, opset < axesAreInputSince ? "axes" : undefined) ?? [];
  const keep = attributes.flag("keepdims", true);
  if (attributes.flag("noop_with_empty_axes", false) && given.length === 0) return x;
  const axes = given.length === 0 ? shape.map((_, i) => i) : axesOf(mapping.node, given, shape.length);
  if (fn === "mean" && shape.length === 4 && axes.join() === "2,3") { // the engine's own pooling needs no other layout
    const y = builder.globalAveragePool(x);
    return keep ? y : builder.flatten(y);
  }
  if (fn === "min") return builder.unary({ name: "neg" }, builder.reduce("max", builder.unary({ name: "neg" }, x), axes, keep));
  return builder.reduce(fn, x, axes, keep);
};

export const poolingOperators: Readonly<Record<string, Operator>> = {
  MaxPool: maxPool, AveragePool: averagePool, GlobalAveragePool: globalAveragePool, GlobalMaxPool: globalMaxPool,
  ReduceSum: reduce("sum", 13), ReduceMean: reduce("mean", 18), ReduceMax: reduce("max", 18), ReduceMin: reduce("min", 18),
};
