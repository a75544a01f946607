import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { importOnnx } from "../../../services/lab/models/onnx/import-onnx.ts";
import { type NodeProto, type TensorProto } from "../../../services/lab/models/onnx/proto/onnx.ts";
import { writeOnnx } from "../../../services/lab/models/onnx/write-onnx.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { explainedInF64, explainedOnGpu } from "../../support/imported.ts";
import { type Attribute, floats, ints, node, onnxModel, runtime } from "../../support/onnx.ts";
import { uniform } from "../../support/random.ts";

/**
 * Every operator, in every form that an opset gave it, alone, on images [2, 3, 6, 5]: the f64 interpreter on the imported
 * graph, and ONNX Runtime on the graph exported again, against ONNX Runtime on the file; then the device, with the
 * gradient, against the interpreter.
 */
interface Case {
  readonly opset: number;
  /** From x to y. */
  readonly nodes: readonly NodeProto[];
  readonly weights?: readonly TensorProto[];
  /** Images in [0.1, 1.1] instead of [-2, 2]. */
  readonly positive?: boolean;
}

/** f32 against f64 on numbers of order 1. */
const RUNTIME = { atol: 2e-5, rtol: 2e-5 };
const LABELS = [0, 1];
let drawn = 0;
const random = (name: string, shape: readonly number[], centre = 0): TensorProto => floats(name, shape, uniform(1000 + drawn++, shape.reduce((a, b) => a * b, 1), 0.8).map((v) => v + centre));

type Attributes = Readonly<Record<string, Attribute>>;
const one = (opset: number, op: string, attributes: Attributes = {}, weights: readonly TensorProto[] = [], rest: Partial<Case> = {}): Case => ({ opset, nodes: [node(op, ["x", ...weights.map(({ name }) => name)], ["y"], attributes)], weights, ...rest });
const float = (value: number): Attribute => ({ float: value });

const cases: Readonly<Record<string, Case>> = {
  "Conv": one(11, "Conv", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, [random("w", [4, 3, 3, 3]), random("b", [4])]),
  "Conv: groups, dilation, stride, uneven borders": one(11, "Conv", { group: 3, dilations: [2, 1], strides: [1, 2], pads: [0, 1, 3, 2] }, [random("w", [6, 1, 2, 3])]),
  "Conv: SAME_UPPER": one(9, "Conv", { auto_pad: "SAME_UPPER", strides: [2, 2] }, [random("w", [4, 3, 3, 2])]),
  "Conv: SAME_LOWER": one(9, "Conv", { auto_pad: "SAME_LOWER", strides: [2, 2] }, [random("w", [4, 3, 3, 2])]),
  "Conv: VALID": one(9, "Conv", { auto_pad: "VALID" }, [random("w", [4, 3, 3, 2])]),
  "Conv of one axis": { opset: 13, nodes: [node("Reshape", ["x", "shape"], ["line"]), node("Conv", ["line", "w", "b"], ["y"], { strides: [2], pads: [1, 2], dilations: [2] })], weights: [ints("shape", [0, 3, 30]), random("w", [4, 3, 3]), random("b", [4])] },
  "ConvTranspose": one(11, "ConvTranspose", { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] }, [random("w", [3, 4, 3, 3]), random("b", [4])]),
  "ConvTranspose: groups, dilation, uneven borders": one(11, "ConvTranspose", { group: 3, dilations: [2, 1], strides: [1, 2], pads: [0, 1, 1, 0] }, [random("w", [3, 2, 3, 2])]),
  "ConvTranspose: output_shape": one(11, "ConvTranspose", { strides: [2, 2], output_shape: [12, 9] }, [random("w", [3, 4, 3, 3])]),
  "ConvTranspose: SAME_UPPER": one(11, "ConvTranspose", { strides: [2, 2], auto_pad: "SAME_UPPER" }, [random("w", [3, 4, 3, 3])]),
  "Gemm": { opset: 13, nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w", "b"], ["y"], { transB: 1 })], weights: [random("w", [4, 90]), random("b", [4])] },
  "Gemm: neither transposed nor plain": { opset: 13, nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w", "b"], ["y"], { alpha: float(0.5), beta: float(2) })], weights: [random("w", [90, 4]), random("b", [1, 4])] },
  "Gemm without bias": { opset: 11, nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"])], weights: [random("w", [90, 4])] },
  "MatMul of rows": { opset: 13, nodes: [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "w"], ["m"]), node("Add", ["m", "b"], ["y"])], weights: [random("w", [90, 4]), random("b", [4])] },
  "MatMul, batched": { opset: 13, nodes: [node("Transpose", ["x"], ["t"], { perm: [0, 1, 3, 2] }), node("MatMul", ["x", "t"], ["y"])] },
  "MatMul, broadcast": one(13, "MatMul", {}, [random("w", [3, 5, 4])]),
  "Add": one(13, "Add", {}, [random("b", [3, 1, 1])]), "Sub": one(13, "Sub", {}, [random("b", [6, 5])]), "Mul": one(9, "Mul", {}, [random("b", [1])]), "Div": one(13, "Div", {}, [random("b", [5], 3)]),
  "Add of itself": { opset: 13, nodes: [node("Add", ["x", "x"], ["y"])] },
  "numbers on either side": { opset: 13, nodes: [node("Constant", [], ["c"], { value: floats("", [], [1.5]) }), node("Sub", ["c", "x"], ["a"]), node("Mul", ["a", "c"], ["b"]), node("Div", ["b", "c"], ["d"]), node("Sub", ["d", "c"], ["e"]), node("Add", ["c", "e"], ["f"]), node("Div", ["c", "f"], ["y"])], positive: true },
  "Pow": one(13, "Pow", {}, [floats("p", [], [3])]), "Pow of tensors": one(13, "Pow", {}, [random("p", [5], 1)], { positive: true }),
  "Sum": { opset: 13, nodes: [node("Sum", ["x", "b", "x"], ["y"])], weights: [random("b", [5])] },
  "Max": one(13, "Max", {}, [random("b", [5])]), "Min": one(13, "Min", {}, [random("b", [5])]),
  ...Object.fromEntries(["Neg", "Abs", "Exp", "Sigmoid", "Tanh", "Erf", "Sin", "Cos", "Softplus", "Softsign", "Relu", "Identity"].map((op) => [op, one(13, op)])),
  ...Object.fromEntries(["Floor", "Ceil", "Round", "Sign"].map((op) => [op, { opset: 13, nodes: [node(op, ["x"], ["s"]), node("Add", ["x", "s"], ["y"])] }])),
  ...Object.fromEntries(["Sqrt", "Log", "Reciprocal"].map((op) => [op, one(13, op, {}, [], { positive: true })])),
  "Clip by attributes": one(9, "Clip", { min: float(-0.5), max: float(0.75) }), "Clip by inputs": one(13, "Clip", {}, [floats("min", [], [-0.5]), floats("max", [], [0.75])]),
  "Clip below": one(13, "Clip", {}, [floats("min", [], [0])]), "Clip above": { opset: 13, nodes: [node("Clip", ["x", "", "max"], ["y"])], weights: [floats("max", [], [0.75])] },
  "LeakyRelu": one(9, "LeakyRelu", { alpha: float(0.2) }), "PRelu": one(9, "PRelu", {}, [random("s", [3, 1, 1])]), "Elu": one(9, "Elu", { alpha: float(0.7) }), "Selu": one(9, "Selu"), "Celu": one(12, "Celu", { alpha: float(0.7) }),
  "HardSigmoid": one(9, "HardSigmoid", { alpha: float(0.3) }), "HardSwish": one(14, "HardSwish"), "Mish": one(18, "Mish"), "Gelu": one(20, "Gelu"), "Gelu by tanh": one(20, "Gelu", { approximate: "tanh" }),
  "Softmax": one(13, "Softmax", { axis: 1 }), "Softmax before opset 13": one(11, "Softmax", { axis: 2 }), "LogSoftmax": one(13, "LogSoftmax"), "LogSoftmax before opset 13": one(9, "LogSoftmax"),
  "BatchNormalization": one(9, "BatchNormalization", { epsilon: float(1e-3) }, [random("g", [3], 1), random("b", [3]), random("m", [3]), random("v", [3], 1.5)]),
  "BatchNormalization of rows": { opset: 15, nodes: [node("Flatten", ["x"], ["f"]), node("BatchNormalization", ["f", "g", "b", "m", "v"], ["y"])], weights: [random("g", [90], 1), random("b", [90]), random("m", [90]), random("v", [90], 1.5)] },
  "InstanceNormalization": one(9, "InstanceNormalization", { epsilon: float(1e-3) }, [random("g", [3], 1), random("b", [3])]),
  "LayerNormalization": one(17, "LayerNormalization", { axis: 2 }, [random("g", [6, 5], 1), random("b", [6, 5])]), "LayerNormalization without bias": one(17, "LayerNormalization", {}, [random("g", [5], 1)]),
  "GroupNormalization by groups": { opset: 18, nodes: [node("Reshape", ["x", "six"], ["r"]), node("GroupNormalization", ["r", "g", "b"], ["y"], { num_groups: 2 })], weights: [ints("six", [0, 6, 3, 5]), random("g", [2], 1), random("b", [2])] },
  "GroupNormalization by channels": { opset: 21, nodes: [node("Reshape", ["x", "six"], ["r"]), node("GroupNormalization", ["r", "g", "b"], ["y"], { num_groups: 2 })], weights: [ints("six", [0, 6, 3, 5]), random("g", [6], 1), random("b", [6])] },
  "LRN": { opset: 13, nodes: [node("Reshape", ["x", "ten"], ["r"]), node("LRN", ["r"], ["y"], { size: 3, alpha: float(0.3), beta: float(0.6), bias: float(1.5) })], weights: [ints("ten", [0, 10, 3, 3])] },
  "MaxPool": one(12, "MaxPool", { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] }), "MaxPool: ceil_mode": one(12, "MaxPool", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  "MaxPool: dilation": one(12, "MaxPool", { kernel_shape: [2, 2], dilations: [3, 2] }), "MaxPool: SAME_LOWER": one(12, "MaxPool", { kernel_shape: [2, 2], auto_pad: "SAME_LOWER" }),
  "AveragePool": one(11, "AveragePool", { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] }), "AveragePool: count_include_pad": one(11, "AveragePool", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  "AveragePool: ceil_mode": one(19, "AveragePool", { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 1, 1, 0], ceil_mode: 1 }),
  "AveragePool of one axis": { opset: 13, nodes: [node("Reshape", ["x", "shape"], ["line"]), node("AveragePool", ["line"], ["y"], { kernel_shape: [4], strides: [3] })], weights: [ints("shape", [0, 3, 30])] },
  "GlobalAveragePool": one(9, "GlobalAveragePool"), "GlobalMaxPool": one(9, "GlobalMaxPool"),
  "ReduceMean by attribute": one(13, "ReduceMean", { axes: [2, 3], keepdims: 0 }), "ReduceMean by input": one(18, "ReduceMean", {}, [ints("axes", [-1])]), "ReduceSum by attribute": one(11, "ReduceSum", { axes: [1], keepdims: 0 }),
  "ReduceSum by input": one(13, "ReduceSum", { keepdims: 0 }, [ints("axes", [2, 3])]), "ReduceMax": one(13, "ReduceMax", { axes: [2, 3] }), "ReduceMin": one(18, "ReduceMin", { keepdims: 0 }, [ints("axes", [1, 2])]),
  "ReduceSum without axes that does nothing": one(13, "ReduceSum", { noop_with_empty_axes: 1 }),
  "Concat": { opset: 13, nodes: [node("Relu", ["x"], ["r"]), node("Concat", ["x", "r", "x"], ["y"], { axis: -2 })] },
  "Split by attribute": { opset: 11, nodes: [node("Split", ["x"], ["a", "b"], { axis: 2, split: [2, 4] }), node("Concat", ["b", "a"], ["y"], { axis: 2 })] },
  "Split by input": { opset: 13, nodes: [node("Split", ["x", "s"], ["a", "b"], { axis: -1 }), node("Concat", ["b", "a"], ["y"], { axis: 3 })], weights: [ints("s", [2, 3])] },
  "Split in unequal parts": { opset: 18, nodes: [node("Split", ["x"], ["a", "b", "c"], { axis: 3, num_outputs: 3 }), node("Concat", ["b", "c", "a"], ["y"], { axis: 3 })] },
  "Slice by attributes": one(9, "Slice", { starts: [1, -4], ends: [2147483647, 4], axes: [1, 2] }), "Slice by inputs": one(13, "Slice", {}, [ints("from", [-2, 0]), ints("to", [2n ** 63n - 1n, 4]), ints("axes", [3, 2]), ints("steps", [1, 2])]),
  "Slice backwards": one(13, "Slice", {}, [ints("from", [-1]), ints("to", [-(2n ** 63n) + 1n]), ints("axes", [2]), ints("steps", [-2])]),
  "Gather": one(13, "Gather", { axis: 3 }, [ints("i", [4, 0, -2, 0])]), "Gather of one": one(13, "Gather", { axis: 2 }, [ints("i", [1], [])]), "Gather by a table": one(13, "Gather", { axis: 2 }, [ints("i", [1, 3, 5, 0, 2, 4], [2, 3])]),
  "Reshape": one(13, "Reshape", {}, [ints("s", [0, -1, 3])]), "Flatten at an axis": { opset: 13, nodes: [node("Flatten", ["x"], ["f"], { axis: 2 }), node("Reshape", ["f", "s"], ["y"])], weights: [ints("s", [-1, 3, 30])] },
  "Squeeze and Unsqueeze by attribute": { opset: 11, nodes: [node("GlobalAveragePool", ["x"], ["p"]), node("Squeeze", ["p"], ["s"], { axes: [2, -1] }), node("Unsqueeze", ["s"], ["y"], { axes: [1, 3] })] },
  "Squeeze and Unsqueeze by input": { opset: 13, nodes: [node("GlobalAveragePool", ["x"], ["p"]), node("Squeeze", ["p", "a"], ["s"]), node("Unsqueeze", ["s", "b"], ["y"])], weights: [ints("a", [-1, 2]), ints("b", [-1, 1])] },
  "Transpose": one(13, "Transpose", { perm: [0, 3, 1, 2] }), "Transpose by default": { opset: 13, nodes: [node("Transpose", ["x"], ["t"]), node("Transpose", ["t"], ["u"]), node("Sigmoid", ["u"], ["y"])] },
  "Expand": { opset: 13, nodes: [node("GlobalAveragePool", ["x"], ["p"]), node("Expand", ["p", "s"], ["y"])], weights: [ints("s", [1, 3, 2, 4])] },
  "Pad by attributes": one(9, "Pad", { pads: [0, 1, 2, 0, 0, 0, 1, 3], value: float(0.5) }), "Pad: reflect": one(13, "Pad", { mode: "reflect" }, [ints("p", [0, 0, 2, 1, 0, 0, 3, 4])]), "Pad: edge": one(11, "Pad", { mode: "edge" }, [ints("p", [0, 0, 2, 1, 0, 0, 3, 4])]),
  "Pad: cut": one(13, "Pad", {}, [ints("p", [0, 0, -1, 1, 0, 0, 0, -2])]), "Pad of some axes": { opset: 18, nodes: [node("Pad", ["x", "p", "v", "a"], ["y"])], weights: [ints("p", [1, 0, 2, 1]), floats("v", [], [-1]), ints("a", [-1, 1])] },
  "Upsample": one(9, "Upsample", { mode: "linear" }, [floats("s", [4], [1, 1, 2, 1.5])]), "Upsample: nearest": one(9, "Upsample", {}, [floats("s", [4], [1, 1, 2, 1.5])]), "Resize 10": one(10, "Resize", { mode: "linear" }, [floats("s", [4], [1, 1, 1.5, 0.5])]),
  ...Object.fromEntries(["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"].flatMap((mode) => [["larger", [9, 7]], ["smaller", [4, 1]]].map(([what, sizes]) => [`Resize: linear, ${mode}, ${what as string}`, resized(13, { mode: "linear", coordinate_transformation_mode: mode }, sizes as number[])]))),
  ...Object.fromEntries(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"].map((rounding) => [`Resize: nearest, ${rounding}`, resized(13, { mode: "nearest", coordinate_transformation_mode: "half_pixel", nearest_mode: rounding }, [9, 3])])),
  "Resize: nearest as PyTorch exports it": resized(11, { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }, [9, 13]),
  "Resize: half_pixel_symmetric, by scales, some axes": { opset: 19, nodes: [node("Resize", ["x", "", "s"], ["y"], { mode: "linear", coordinate_transformation_mode: "half_pixel_symmetric", axes: [3, 2] })], weights: [floats("s", [2], [1.7, 1.3])] },
  "Cast, comparisons and Where": { opset: 16, nodes: [node("Greater", ["x", "c"], ["g"]), node("LessOrEqual", ["x", "d"], ["l"]), node("And", ["g", "l"], ["a"]), node("Not", ["a"], ["o"]), node("Cast", ["o"], ["f"], { to: 1 }), node("Where", ["a", "x", "f"], ["y"])], weights: [random("c", [5]), random("d", [1], 1)] },
  "Equal, Less, GreaterOrEqual, Or, Xor": { opset: 16, nodes: [node("Round", ["x"], ["r"]), node("Equal", ["r", "c"], ["e"]), node("Less", ["x", "c"], ["l"]), node("GreaterOrEqual", ["x", "r"], ["g"]), node("Or", ["e", "l"], ["o"]), node("Xor", ["o", "g"], ["z"]), node("Where", ["z", "x", "c"], ["y"])], weights: [floats("c", [1], [1])] },
  "Dropout": one(13, "Dropout", {}, [floats("ratio", [], [0.3])]), "Dropout with a mask that nothing reads": { opset: 13, nodes: [node("Dropout", ["x"], ["y", "mask"])] }, "Dropout by attribute": one(10, "Dropout", { ratio: float(0.3) }),
  "shape arithmetic": { opset: 13, nodes: [
    node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Unsqueeze", ["n", "zeros"], ["nu"]), node("Slice", ["s", "two", "end"], ["hw"]), node("ReduceProd", ["hw"], ["p"], { keepdims: 1 }),
    node("Concat", ["nu", "minus", "p"], ["target"], { axis: 0 }), node("Reshape", ["x", "target"], ["r"]), node("ConstantOfShape", ["target1"], ["one"], { value: floats("", [1], [0.25]) }), node("Concat", ["nu", "three", "three"], ["wide"], { axis: 0 }),
    node("Equal", ["wide", "three"], ["eq"]), node("Where", ["eq", "three", "wide"], ["same"]), node("Expand", ["one", "same"], ["ones"]), node("Concat", ["r", "ones"], ["y"], { axis: 2 }),
  ], weights: [ints("zero", [0], []), ints("zeros", [0]), ints("two", [2]), ints("end", [2n ** 63n - 1n]), ints("minus", [-1]), ints("target1", [1, 3, 1]), ints("three", [3])] },
  "a constant made for the batch": { opset: 13, nodes: [node("Shape", ["x"], ["s"]), node("ConstantOfShape", ["s"], ["half"], { value: floats("", [1], [0.5]) }), node("Mul", ["x", "half"], ["y"])] },
  "a reduction of a shape by no axes is one by all": { opset: 13, nodes: [node("Shape", ["x"], ["s"]), node("Slice", ["s", "two", "end"], ["hw"]), node("ReduceSum", ["hw", "none"], ["p"], { keepdims: 1, noop_with_empty_axes: 0 }), node("Cast", ["p"], ["f"], { to: 1 }), node("Mul", ["x", "f"], ["y"])], weights: [ints("two", [2]), ints("end", [4]), ints("none", [])] },
  "Range, Mod, Div and Cast of shapes": { opset: 13, nodes: [node("Shape", ["x"], ["s"]), node("Gather", ["s", "i"], ["w"]), node("Range", ["z", "w", "d"], ["r"]), node("Mod", ["r", "three"], ["m"]), node("Div", ["r", "two"], ["h"]), node("Add", ["m", "h"], ["sum"]), node("Cast", ["sum"], ["f"], { to: 1 }), node("Sqrt", ["f"], ["q"]), node("Add", ["x", "q"], ["y"])], weights: [ints("i", [3], []), ints("z", [0], []), ints("d", [1], []), ints("three", [3], []), ints("two", [2], [])] },
};

function resized(opset: number, attributes: Attributes, [h, w]: readonly number[]): Case {
  return { opset, nodes: [node("Shape", ["x"], ["s"]), node("Slice", ["s", "a", "b"], ["nc"]), node("Concat", ["nc", "hw"], ["sizes"], { axis: 0 }), node("Resize", ["x", "none", "none", "sizes"], ["y"], attributes)], weights: [ints("a", [0]), ints("b", [2]), ints("hw", [h!, w!]), floats("none", [0], [])] };
}

describe("operators of ONNX, against ONNX Runtime", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const [name, { opset, nodes, weights = [], positive = false }] of Object.entries(cases)) {
    it(`${name} (opset ${opset})`, async () => {
      const model = onnxModel({ opset, nodes: [...nodes, node("Flatten", ["y"], ["scores"])], initialisers: weights });
      const image = Float32Array.from(uniform(7, 180, 2), (v) => (positive ? (v + 2) / 4 + 0.1 : v));
      const expected = await runtime(model, image, [2, 3, 6, 5]);
      const imported = importOnnx(model);
      const truth = explainedInF64(imported, image, LABELS);
      assertClose(truth.logits, expected, RUNTIME);
      assertClose(await runtime(writeOnnx(imported.architecture, imported.shape, imported.tensors), image, [2, 3, 6, 5]), expected, RUNTIME);
      const device = await explainedOnGpu(gpu, imported, image, LABELS);
      assertClose(device.logits, truth.logits, TOLERANCE.layer);
      assertClose(device.gradient, truth.gradient, TOLERANCE.layer);
    });
  }
});
