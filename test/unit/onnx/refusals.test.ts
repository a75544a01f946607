import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { describe, it } from "node:test";

import { AppError } from "../../../services/common/errors.ts";
import { importOnnx, type ImportOptions } from "../../../services/lab/models/onnx/import-onnx.ts";
import { folds } from "../../../services/lab/models/onnx/fold/table.ts";
import { operators } from "../../../services/lab/models/onnx/operators/table.ts";
import { FunctionProtoSchema, type ModelProto, SparseTensorProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation, TensorProto_DataType as DataType, ValueInfoProtoSchema } from "../../../services/lab/models/onnx/proto/onnx.ts";
import { type Description, floats, ints, node, onnxModel } from "../../support/onnx.ts";

/** A classifier of one layer, of which each test breaks one thing. */
const scores = (): Description["nodes"] => [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"], { transB: 1 })];
const weight = floats("w", [4, 90], new Array<number>(360).fill(0.5));
const classifier = (change: Partial<Description> = {}): Uint8Array => onnxModel({ nodes: scores(), initialisers: [weight], ...change });
/** Nodes between the image and the scores. */
const through = (...nodes: Description["nodes"]): Partial<Description> => ({ nodes: [...nodes, node("Flatten", ["z"], ["y"])] });
const tensor = (change: Partial<typeof weight>): Partial<Description> => ({ initialisers: [Object.assign(floats("w", [4, 90], new Array<number>(360).fill(0.5)), change)] });

/** Fills the branches of the second node: Relu and Neg of x. */
function branches(model: ModelProto): void {
  const [taken, otherwise] = model.graph!.node[1]!.attribute.map(({ g }) => g!);
  for (const [graph, op, output] of [[taken!, "Relu", "a"], [otherwise!, "Neg", "b"]] as const) {
    graph.node.push(node(op, ["x"], [output]));
    graph.output.push(create(ValueInfoProtoSchema, { name: output }));
  }
}

/** The number of images as a tensor. */
const batchAs = (type: "int" | "float"): Description["nodes"] => [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "zero"], ["count"]), node("Cast", ["count"], ["number"], { to: type === "float" ? DataType.FLOAT : DataType.INT64 })];
const ifElse = (condition: string, output: string): Description["nodes"][number] => node("If", [condition], [output], { then_branch: { graph: "a" }, else_branch: { graph: "b" } });
/** Makes the If a choice between two tensors around it. */
function choose(model: ModelProto, ...names: readonly string[]): void {
  const graphs = model.graph!.node.find(({ opType }) => opType === "If")!.attribute.map(({ g }) => g!);
  names.forEach((name, i) => { graphs[i]!.output.push(create(ValueInfoProtoSchema, { name })); });
}
const six = node("Reshape", ["x", "sides"], ["r"]);
const sides = ints("sides", [0, 6, 3, 5]);

interface Refusal { readonly bytes: Uint8Array; readonly code?: string; readonly says: RegExp; readonly options?: ImportOptions }
const broken = (change: Partial<Description>, says: RegExp, options?: ImportOptions): Refusal => ({ bytes: classifier(change), says, ...(options && { options }) });
const damaged = (change: Partial<Description>, says: RegExp): Refusal => ({ bytes: classifier(change), code: "WEIGHTS_CORRUPT", says });

const refusals: Readonly<Record<string, Refusal>> = {
  "no bytes": { bytes: new Uint8Array(0), code: "WEIGHTS_CORRUPT", says: /expected one version of the standard operators/ },
  "other bytes": { bytes: new TextEncoder().encode("not a model at all"), code: "WEIGHTS_CORRUPT", says: /expected an ONNX model, got 18 bytes/ },
  "a cut file": { bytes: classifier().subarray(0, 900), code: "WEIGHTS_CORRUPT", says: /expected an ONNX model/ },
  "an old opset": broken({ opset: 8 }, /expected opset 9 to 21, got 8; convert it/),
  "a new opset": broken({ opset: 22 }, /expected opset 9 to 21, got 22/),
  "two opsets": damaged({ change: (m) => { m.opsetImport.push(m.opsetImport[0]!); } }, /one version of the standard operators, got 2/),
  "no graph": damaged({ change: (m) => { delete m.graph; } }, /expected a graph with nodes/),
  "functions": broken({ change: (m) => { m.functions.push(create(FunctionProtoSchema, { name: "mine" })); } }, /without functions, got mine; inline them/),
  "a custom operator": broken({ change: (m) => { m.graph!.node[0]!.domain = "com.acme"; } }, /node Flatten of x \(Flatten\): .* domain com\.acme/),
  "sparse tensors": broken({ change: (m) => { m.graph!.sparseInitializer.push(create(SparseTensorProtoSchema)); } }, /dense tensors/),
  "values in another file": broken(tensor({ dataLocation: TensorProto_DataLocation.EXTERNAL, externalData: [create(StringStringEntryProtoSchema, { key: "location", value: "/etc/passwd" })] }), /tensor w: expected its values inside the file/),
  "texts as weights": broken(tensor({ dataType: DataType.STRING }), /got string; convert the model to float32/),
  "an unknown element type": broken(tensor({ dataType: 99 }), /got undefined/),
  "too few values": damaged(tensor({ dims: [4n, 91n] }), /tensor w: expected 1456 bytes of values, got 1440/),
  "too few values in the typed field": damaged(tensor({ rawData: new Uint8Array(0), floatData: [1, 2] }), /expected 360 values, got 2/),
  "a negative side": damaged(tensor({ dims: [-4n, -90n] }), /sides ≥ 0/),
  "a side beyond all memory": damaged(tensor({ dims: [2n ** 40n, 2n ** 40n] }), /tensor w/),
  "two tensors of a name": damaged({ initialisers: [weight, weight] }, /"w" twice/),
  "a tensor made twice": damaged({ nodes: [scores()[0]!, ...scores()] }, /got f twice/),
  "nodes out of order": damaged({ nodes: scores().toReversed(), outputs: ["y"] }, /node Gemm of f and w: expected its inputs to be made before it, got f from nowhere/),
  "an output from nowhere": damaged({ outputs: ["z"] }, /got z from nowhere/),
  "two inputs": broken({ change: (m) => { m.graph!.input.push(create(ValueInfoProtoSchema, { name: "x2" })); } }, /expected one input, the images, got 2 \(x, x2\)/),
  "whole numbers as images": broken({ elementType: DataType.UINT8 }, /input x: .* got uint8 values/),
  "rows as images": broken({ input: ["n", 90] }, /input x: expected float images \[n, c, h, w\] of 1 or 3 channels, got \[\?, 90\]/),
  "channels last": broken({ input: ["n", 6, 5, 3] }, /got \[\?, 6, 5, 3\]; export the model with .* channels-first/),
  "an image without a shape": broken({ change: (m) => { delete m.graph!.input[0]!.type; } }, /an input without a shape/),
  "open sides": broken({ input: ["n", 3, "h", "w"] }, /expected its sides to be known, got \[3, \?, \?\]; give inputShape/),
  "another input shape": broken({}, /expected \[3, 6, 5\], which the file fixes, got inputShape \[3, 8, 8\]/, { inputShape: [3, 8, 8] }),
  "a normalisation of other channels": broken({}, /expected a normalisation of 3 channels, got 1 means/, { normalisation: { mean: [0], std: [1] } }),
  "infinity as a constant": broken(through(node("Constant", [], ["c"], { value: floats("", [5], [0, -Infinity, 0, 0, 0]) }), node("Add", ["x", "c"], ["z"])), /constant c: expected finite numbers/),
  "images too large": broken({ input: ["n", 3, 5000, 5] }, /expected sides up to 1024/),
  "a missing operator": broken(through(node("Einsum", ["x"], ["z"], { equation: "a->a" })), /node Einsum of x \(Einsum\): expected one of the operators that Lorenz knows, got Einsum; known are Abs, Add,/),
  "control flow": broken(through(node("Loop", ["x"], ["z"], { body: { graph: "a" } })), /node Loop of x \(Loop\): expected one of the operators/),
  "a branch that is not there": damaged(through(node("If", ["x"], ["z"], { then_branch: { graph: "a" } })), /expected a graph in attribute else_branch/),
  "a condition that depends on the image": broken({ ...through(node("ReduceMax", ["x"], ["c"], { keepdims: 0 }), node("If", ["c"], ["z"], { then_branch: { graph: "a" }, else_branch: { graph: "b" } })), change: branches }, /a condition that is known at import, got one that depends on the image/),
  "a subgraph": broken(through(node("Relu", ["x"], ["z"], { body: { graph: "a" } })), /expected an operator without a subgraph, got one in attribute body/),
  "an unknown attribute": broken(through(node("Relu", ["x"], ["z"], { slope: 1 })), /expected only attributes that Lorenz knows of this operator, got slope/),
  "an attribute of another type": broken(through(node("LeakyRelu", ["x"], ["z"], { alpha: 1 })), /expected attribute alpha to be float, got int/),
  "an attribute that is no number": broken(through(node("LeakyRelu", ["x"], ["z"], { alpha: { float: NaN } })), /expected attribute alpha to be a finite number, got NaN/),
  "an unknown word": broken(through(node("Pad", ["x"], ["z"], { mode: "wrap" })), /mode to be one of constant, reflect, edge, got wrap/),
  "indices of a max-pool": broken(through(node("MaxPool", ["x"], ["m", "i"], { kernel_shape: [2, 2] }), node("Add", ["m", "i"], ["z"])), /one that returns indices too; export the model without return_indices/),
  "a dilated average pool": broken({ ...through(node("AveragePool", ["x"], ["z"], { kernel_shape: [2, 2], dilations: [2, 2] })), opset: 19 }, /dilations of 1, got \[2, 2\]/),
  "batch norm in training": broken({ ...through(node("BatchNormalization", ["x", "v", "v", "v", "v"], ["z"], { training_mode: 1 })), initialisers: [floats("v", [3], [1, 1, 1])] }, /call model\.eval\(\) before the export/),
  "dropout in training": broken({ ...through(node("Dropout", ["x", "r", "t"], ["z"])), initialisers: [floats("r", [], [0.5]), Object.assign(ints("t", [], []), { dataType: DataType.BOOL, int32Data: [1] })] }, /dropout that is off, got one in training mode/),
  "a shape that depends on the image": broken(through(node("ReduceMax", ["x"], ["m"]), node("Reshape", ["x", "m"], ["z"])), /node Reshape of x and m \(Reshape\): expected input 1 to be known at import, got one that depends on the image/),
  "weights that depend on the image": broken(through(node("Conv", ["x", "x"], ["z"])), /input 1 to be known at import/),
  "shapes that do not fit": broken({ initialisers: [floats("w", [4, 91], new Array<number>(364).fill(0.5))] }, /node Gemm of f and w \(Gemm\): linear: expected weight \[k, 90\]/),
  "a reshape of another volume": broken({ ...through(node("Reshape", ["x", "s"], ["z"])), initialisers: [ints("s", [0, 91])] }, /expected a shape with the 1·3·6·5 elements of its input, got \[0, 91\]/),
  "an axis that is not there": broken(through(node("Softmax", ["x"], ["s"], { axis: 4 }), node("Relu", ["s"], ["z"])), /expected an axis of a tensor of rank 4, got 4/),
  "a slice of nothing": broken({ ...through(node("Slice", ["x", "a", "a"], ["z"])), initialisers: [ints("a", [2, 2])] }, /node Slice of x and a and a/),
  "a pad beyond all memory": broken({ ...through(node("Pad", ["x", "p"], ["z"])), initialisers: [ints("p", [0, 0, 2 ** 40, 0, 0, 0, 0, 0])] }, /expected axis 2 of 1 to 65536 elements/),
  "a constant beyond all memory": broken({ ...through(node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["z"])), initialisers: [ints("s", [2 ** 20, 2 ** 20])] }, /a constant of at most \d+ elements, got \[1048576, 1048576\]/),
  "a range beyond all memory": broken({ ...through(node("Range", ["a", "b", "c"], ["r"]), node("Add", ["x", "r"], ["z"])), initialisers: [ints("a", [0], []), ints("b", [2n ** 60n], []), ints("c", [1], [])] }, /a range of whole length, got 0 to/),
  "images that are mixed": broken({ ...through(node("Reshape", ["x", "s"], ["r"]), node("Softmax", ["r"], ["m"]), node("Reshape", ["m", "t"], ["z"])), initialisers: [ints("s", [1, -1]), ints("t", [-1, 3, 6, 5])] }, /expected a network that treats each image by itself, got (softmax|reduce) along/),
  "scores divided by the number of images": broken({ ...through(...batchAs("float"), node("Div", ["x", "number"], ["z"])), initialisers: [ints("zero", [0], [])] }, /each image by itself, got unary with numbers that depend on the number of images/),
  "a power of the number of images": broken({ ...through(...batchAs("float"), node("Abs", ["x"], ["a"]), node("Pow", ["a", "number"], ["z"])), initialisers: [ints("zero", [0], [])] }, /got unary with numbers that depend on the number of images/),
  "clipped at the number of images": broken({ ...through(...batchAs("float"), node("Clip", ["x", "", "number"], ["z"])), initialisers: [ints("zero", [0], [])] }, /got unary with numbers that depend on the number of images/),
  "a row chosen by the number of images": broken({ ...through(...batchAs("int"), node("Mod", ["number", "six"], ["row"]), node("Gather", ["x", "row"], ["z"], { axis: 2 })), initialisers: [ints("zero", [0], []), ints("six", [6], [])] }, /got axisMap with numbers that depend on the number of images/),
  "other values for other numbers of images": broken({ nodes: [...batchAs("int"), node("Relu", ["x"], ["r"]), node("Neg", ["x"], ["m"]), node("Less", ["number", "ten"], ["c"]), ifElse("c", "z"), node("Flatten", ["z"], ["y"])], initialisers: [ints("zero", [0], []), ints("ten", [10], [])], change: (m) => { choose(m, "r", "m"); } }, /got flatten of other values for 7 than for 77 images/),
  "other scores for other numbers of images": broken({ nodes: [...batchAs("int"), node("Flatten", ["x"], ["f"]), node("Relu", ["f"], ["r"]), node("Neg", ["f"], ["m"]), node("Less", ["number", "ten"], ["c"]), ifElse("c", "y")], initialisers: [ints("zero", [0], []), ints("ten", [10], [])], change: (m) => { choose(m, "r", "m"); } }, /got other operations for 7 than for 77 images/),
  "a group norm by channels before opset 21": broken({ ...through(six, node("GroupNormalization", ["r", "g", "g"], ["z"], { num_groups: 2 })), opset: 18, initialisers: [sides, floats("g", [6], [1, 1, 1, 1, 1, 1])] }, /node GroupNormalization .*: expected input 1 to have an element for each of the 2 groups, got \[6\]/),
  "a group norm by groups since opset 21": broken({ ...through(six, node("GroupNormalization", ["r", "one", "g"], ["z"], { num_groups: 2 })), opset: 21, initialisers: [sides, floats("one", [6], [1, 1, 1, 1, 1, 1]), floats("g", [2], [1, 1])] }, /expected input 2 to have an element for each of the 6 channels, got \[2\]/),
  "more outputs than a computed node makes": damaged(through(node("Constant", [], ["c", "d"], { value_float: { float: 1 } }), node("Add", ["x", "c"], ["a"]), node("Add", ["a", "d"], ["z"])), /node Constant of nothing \(Constant\): expected at most 1 outputs, got 2/),
  "more outputs than an operator makes": damaged(through(node("Relu", ["x"], ["r", "s"]), node("Add", ["r", "s"], ["z"])), /tensor s: expected an output that its operator makes/),
  "scores that no operator makes": damaged({ nodes: [node("Flatten", ["x"], ["f", "y"])], outputs: ["y"] }, /tensor y: expected an output that its operator makes/),
  "the shape of nothing": broken(through(node("Shape", [], ["s"]), node("Reshape", ["x", "s"], ["z"])), /node Shape of nothing \(Shape\): expected an input number 0, got none/),
  "a gather by nothing": broken(through(node("Gather", ["x"], ["z"])), /node Gather of x \(Gather\): expected an input number 1, got none/),
  "a resize of the fixed batch": broken({ ...through(node("Resize", ["x", "", "", "s"], ["z"])), input: [2, 3, 6, 5], initialisers: [ints("s", [4, 3, 12, 10])] }, /node Resize .*: expected the 2 elements of axis 0, which holds the batch, to stay, got 4/),
  "a repetition of the fixed batch": broken({ nodes: [node("Expand", ["x", "s"], ["z"]), node("Flatten", ["z"], ["y"], { axis: 0 })], input: [1, 3, 6, 5], initialisers: [ints("s", [5, 3, 6, 5])] }, /node Expand .*: expected the 1 elements of axis 0, which holds the batch, to stay, got 5/),
  "scores that are no row": broken({ nodes: [node("Relu", ["x"], ["y"])] }, /expected an output of class scores \[1, classes\], got \[1, 3, 6, 5\]/),
  "one class": broken({ initialisers: [floats("w", [1, 90], new Array<number>(90).fill(1))] }, /expected an output of class scores/),
  "scores that the image has no part in": broken({ nodes: [node("Shape", ["x"], ["s"]), node("Slice", ["s", "a", "b"], ["n"]), node("Concat", ["n", "k"], ["t"], { axis: 0 }), node("ConstantOfShape", ["t"], ["y"])], initialisers: [ints("a", [0]), ints("b", [1]), ints("k", [4])] }, /expected an output that depends on the image, got a constant/),
  "scores without a gradient": broken(through(node("Round", ["x"], ["z"])), /expected class scores with a gradient with respect to the image/),
  "more names than a network has": { bytes: classifier({ change: (m) => { m.docString = "x".repeat(5 << 20); } }), says: /at most 4194304 bytes of nodes and names/ },
};

describe("an ONNX file that is refused", () => {
  for (const [name, { bytes, code = "MODEL_UNSUPPORTED", says, options }] of Object.entries(refusals)) {
    it(name, () => {
      assert.throws(() => importOnnx(bytes, options), (error) => {
        assert.ok(error instanceof AppError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, says);
        assert.ok(error.message.length < 1500);
        return true;
      });
    });
  }

  it("files whose few bytes ask for much work or memory, many times over", () => {
    const times = (count: number, make: (i: number) => Description["nodes"][number]): Description["nodes"] => Array.from({ length: count }, (_, i) => make(i));
    const side = ints("side", [2000, 2000]);
    const bombs: Readonly<Record<string, Partial<Description>>> = {
      "constants": { ...through(...times(500, (i) => node("ConstantOfShape", ["side"], [`c${i}`])), node("Sum", ["x", ...times(500, () => node("", [], [])).map((_, i) => `c${i}`)], ["z"])), initialisers: [side] },
      "sums of broadcast constants": { ...through(node("ConstantOfShape", ["side"], ["c"]), node("Sum", new Array<string>(2000).fill("c"), ["s"]), node("Add", ["x", "s"], ["z"])), initialisers: [side] },
      "long axes": { ...through(node("Pad", ["x", "p"], ["y0"]), ...times(500, (i) => node("Slice", [`y${i}`, "one", "many", "axis", "step"], [`y${i + 1}`])), node("GlobalAveragePool", ["y500"], ["z"])), initialisers: [ints("p", [0, 0, 60_000, 0, 0, 0, 0, 0]), ints("one", [-1]), ints("many", [-(2n ** 62n)]), ints("axis", [2]), ints("step", [-1])] },
      "copies of a weight": { nodes: [node("Flatten", ["x"], ["f0"]), ...times(50, (i) => node("Identity", ["w"], [`w${i}`])), ...times(50, (i) => node("MatMul", [`f${i}`, `w${i}`], [`f${i + 1}`]))], initialisers: [floats("w", [90, 90], new Array<number>(8100).fill(0.01))] },
    };
    for (const [name, change] of Object.entries(bombs)) {
      const before = process.memoryUsage().rss;
      const start = performance.now();
      assert.throws(() => importOnnx(classifier(change)), { code: "MODEL_UNSUPPORTED", message: /expected at most \d+|a constant of at most/ }, name);
      assert.ok(performance.now() - start < 10_000 && process.memoryUsage().rss - before < 2 ** 30, name);
    }
  });

  it("four megabytes of empty nodes take less than a gigabyte", () => {
    const size = (4 << 20) - 16;
    const header = Uint8Array.of(0x3a, (size & 127) | 128, ((size >> 7) & 127) | 128, ((size >> 14) & 127) | 128, size >> 21); // model.graph, of this length
    const nodes = Uint8Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 0x0a : 0)); // graph.node, of length 0, again and again
    const model = Buffer.concat([header, nodes, Uint8Array.of(0x42, 2, 0x10, 17)]); // opset 17
    const before = process.memoryUsage().rss;
    assert.throws(() => importOnnx(model), AppError);
    assert.ok(process.memoryUsage().rss - before < 2 ** 30, `${(process.memoryUsage().rss - before) >> 20} MiB`);
  });

  it("nodes of every operator with inputs missing and outputs that nobody makes", () => {
    const bytes = (op: string, inputs: readonly string[], read: string): Uint8Array => classifier({ nodes: [node(op, inputs, ["", "a", "b", "c", "d", "e", "f"].with(0, "o")), node("Add", ["x", read], ["z"]), node("Flatten", ["z"], ["y"])], initialisers: [ints("i", [1])] });
    for (const op of [...operators.keys(), ...folds.keys(), "Shape", "Size", "If"]) {
      for (const inputs of [[], ["x"], ["i"], ["", "x"], ["x", "i"], ["i", "i"], ["x", "", "i"]]) {
        for (const read of ["o", "f"]) {
          try { importOnnx(bytes(op, inputs, read)); } catch (error) { assert.ok(error instanceof AppError, `${op} of [${inputs.join()}], output ${read}: ${String(error)}`); }
        }
      }
    }
  });

  it("60,000 nodes after the softmax take seconds, not hours", () => {
    const casts = Array.from({ length: 60_000 }, (_, i) => node("Identity", [i === 0 ? "p" : `i${i}`], [`i${i + 1}`]));
    for (const each of casts) each.name = "";
    const nodes = [...scores(), node("Softmax", ["y"], ["p"]), ...casts];
    const start = performance.now();
    assert.deepEqual(importOnnx(classifier({ nodes })).warnings.map(({ code }) => code), ["SOFTMAX_HEAD"]);
    assert.ok(performance.now() - start < 10_000);
  });

  it("a network that treats images differently by their number", () => {
    const mean = [node("ReduceMean", ["x"], ["m"], { axes: [0] }), node("Sub", ["x", "m"], ["z"])];
    for (const nodes of [mean, [node("Softmax", ["x"], ["s"], { axis: 0 }), node("Relu", ["s"], ["z"])]]) {
      assert.throws(() => importOnnx(classifier({ ...through(...nodes), opset: 13 })), { code: "MODEL_UNSUPPORTED" });
    }
  });
});
