import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { importOnnx } from "../../../services/lab/models/onnx/import-onnx.ts";
import { TensorProto_DataType as DataType } from "../../../services/lab/models/onnx/proto/onnx.ts";
import { forwardGraph } from "../../../services/lab/models/architecture.ts";
import { readOnnx } from "../../../services/lab/models/onnx/read-onnx.ts";
import { assertClose } from "../../support/close.ts";
import { explainedInF64 } from "../../support/imported.ts";
import { type Description, floats, ints, node, onnxModel, runtime } from "../../support/onnx.ts";
import { uniform } from "../../support/random.ts";

const weight = floats("w", [4, 90], uniform(1, 360));
const classifier = (change: Partial<Description> = {}): Uint8Array => onnxModel({ nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"], { transB: 1 })], initialisers: [weight], ...change });
const image = Float32Array.from(uniform(2, 180, 1));
const halves = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

describe("import of an ONNX file", () => {
  it("keeps the names of weights, counts operators, gives the image its normalisation", () => {
    const { shape, tensors, operators, warnings, architecture } = importOnnx(classifier(), { normalisation: { mean: [0.1, 0.2, 0.3], std: [1, 2, 4] }, title: "mine" });
    assert.deepEqual(shape, { inputShape: [3, 6, 5], classCount: 4, mean: [0.1, 0.2, 0.3], std: [1, 2, 4] });
    assert.deepEqual([...tensors].map(([name, tensor]) => [name, tensor.shape]), [["w", [4, 90]]]);
    assert.deepEqual(operators, [{ operator: "Flatten", count: 1 }, { operator: "Gemm", count: 1 }]);
    assert.deepEqual(warnings, []);
    assert.equal(architecture.title, "mine");
  });

  it("values of f32 tensors are views of the file where they are aligned", () => {
    const bytes = classifier();
    for (const shift of [0, 1, 2, 3]) { // one of them puts the values at a multiple of four
      const moved = new Uint8Array(bytes.length + 4).subarray(shift, shift + bytes.length);
      moved.set(bytes);
      const { data } = readOnnx(moved).initialisers.get("w")!;
      assert.deepEqual(Array.from(data), Array.from(new Float32Array(weight.rawData.slice().buffer)));
    }
  });

  it("open sides take the caller's input shape", () => {
    const { shape } = importOnnx(classifier({ input: ["n", 3, "h", "w"] }), { inputShape: [3, 6, 5] });
    assert.deepEqual(shape.inputShape, [3, 6, 5]);
  });

  it("−1 and 0 are open sides too, as some exporters write them", () => {
    assert.equal(forwardGraph(importOnnx(classifier({ input: [-1, 3, 6, 5] })).architecture, importOnnx(classifier()).shape, 5).graph.batch, 5);
    assert.equal(importOnnx(classifier({ input: [0, 3, 6, 5] })).warnings.length, 0);
  });

  it("weights of other widths become f32, by name in a warning", () => {
    const half = { ...floats("w", [2, 90], []), dataType: DataType.FLOAT16, rawData: halves(new Array<number>(180).fill(0x3e00)) }; // 1.5
    const brain = { ...half, dataType: DataType.BFLOAT16, rawData: halves(new Array<number>(180).fill(0x3fc0)) }; // 1.5
    const double = { ...half, dataType: DataType.DOUBLE, rawData: new Uint8Array(new Float64Array(180).fill(1.5).buffer) };
    const fields = { ...half, rawData: new Uint8Array(0), int32Data: new Array<number>(180).fill(0x3e00) };
    for (const tensor of [half, brain, double, fields]) {
      const { tensors, warnings } = importOnnx(classifier({ initialisers: [tensor] }));
      assert.deepEqual(new Set(tensors.get("w")!.data), new Set([1.5]));
      assert.deepEqual(warnings.map(({ code }) => code), ["WEIGHTS_CONVERTED"]);
      assert.match(warnings[0]!.message, /w \((float16|bfloat16|double)\)/);
    }
  });

  it("NaN among the weights is a warning", () => {
    const { warnings } = importOnnx(classifier({ initialisers: [floats("w", [4, 90], new Array<number>(360).fill(NaN))] }));
    assert.deepEqual(warnings, [{ code: "NAN_WEIGHTS", message: "1 tensors hold NaN or infinite numbers: w." }]);
  });

  it("a softmax at the end is taken out and named; one that is not the end stays", () => {
    const end = (op: string, attributes = {}): Uint8Array => classifier({ nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"], { transB: 1 }), node(op, ["y"], ["p"], attributes), node("Identity", ["p"], ["out"])] });
    const plain = explainedInF64(importOnnx(classifier()), image, [0, 1]).logits;
    for (const bytes of [end("Softmax"), end("LogSoftmax", { axis: 1 })]) {
      const imported = importOnnx(bytes);
      assert.deepEqual(imported.warnings.map(({ code }) => code), ["SOFTMAX_HEAD"]);
      assert.deepEqual(explainedInF64(imported, image, [0, 1]).logits, plain);
    }
    const { warnings } = importOnnx(classifier({ nodes: [node("Softmax", ["x"], ["s"]), node("Flatten", ["s"], ["f"]), node("Gemm", ["f", "w"], ["y"], { transB: 1 })] }));
    assert.deepEqual(warnings, []);
  });

  it("of several outputs the first counts, and what leads to the others alone may be unknown", () => {
    const { warnings, tensors } = importOnnx(classifier({ nodes: [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"], { transB: 1 }), node("NonZero", ["x"], ["z"])], outputs: ["y", "z"] }));
    assert.deepEqual(warnings.map(({ code }) => code), ["SEVERAL_OUTPUTS"]);
    assert.deepEqual([...tensors.keys()], ["w"]);
  });

  it("scores [n, k, 1, 1] are scores", () => {
    const { shape } = importOnnx(onnxModel({ nodes: [node("Conv", ["x", "k"], ["c"]), node("GlobalAveragePool", ["c"], ["y"])], initialisers: [floats("k", [5, 3, 1, 1], uniform(3, 15))] }));
    assert.equal(shape.classCount, 5);
  });

  it("a tensor used by several layers, in several forms, is one weight for each form", () => {
    const nodes = [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "s"], ["a"], { transB: 1 }), node("MatMul", ["f", "s"], ["b"]), node("Gemm", ["f", "s"], ["c"], { transB: 1 }), node("Add", ["a", "b"], ["d"]), node("Add", ["c", "d"], ["y"])];
    const imported = importOnnx(onnxModel({ nodes, initialisers: [floats("s", [90, 90], uniform(4, 8100))] }));
    assert.deepEqual([...imported.tensors.keys()], ["s", "s..transposed.90x90"]);
  });

  it("batch norms that share their statistics, as exporters merge equal tensors", async () => {
    const norm = (from: string, to: string): Description["nodes"][number] => node("BatchNormalization", [from, "one", "zero", "zero", "one"], [to]);
    const bytes = onnxModel({ nodes: [norm("x", "a"), node("Relu", ["a"], ["r"]), norm("r", "b"), node("Flatten", ["b"], ["y"])], initialisers: [floats("one", [3], [1, 2, 3]), floats("zero", [3], [0.1, 0.2, 0.3])] });
    const imported = importOnnx(bytes);
    assert.deepEqual([...imported.tensors.keys()], ["one", "zero", "zero.state..3", "one.state..3"]);
    assertClose(explainedInF64(imported, image, [0, 1]).logits, await runtime(bytes, image, [2, 3, 6, 5]), { atol: 1e-5, rtol: 1e-5 });
  });

  it("a resize and an expansion of a fixed batch serve batches of other sizes", async () => {
    const nodes = [node("Resize", ["x", "", "", "large"], ["r"]), node("GlobalAveragePool", ["r"], ["p"]), node("Expand", ["p", "sides"], ["e"]), node("Flatten", ["e"], ["y"])];
    const bytes = onnxModel({ nodes, initialisers: [ints("large", [2, 3, 11, 7]), ints("sides", [2, 3, 2, 4])], input: [2, 3, 6, 5] });
    const four = Float32Array.from(uniform(6, 360, 1));
    const each = [0, 1].map((i) => runtime(bytes, four.slice(i * 180, (i + 1) * 180), [2, 3, 6, 5]));
    assertClose(explainedInF64(importOnnx(bytes), four, [0, 1, 2, 3]).logits, (await Promise.all(each)).flatMap((row) => Array.from(row)), { atol: 1e-6, rtol: 1e-6 });
  });

  it("constants have the same names for every number of images", () => {
    const nodes = [node("Shape", ["x"], ["s"]), node("Slice", ["s", "zero", "one"], ["n"]), node("Concat", ["n", "rest"], ["to"], { axis: 0 }), node("Expand", ["token", "to"], ["t"]), node("Concat", ["x", "t"], ["c"], { axis: 1 }), node("PRelu", ["c", "slope"], ["p"]), node("Flatten", ["p"], ["y"])];
    const initialisers = [ints("zero", [0]), ints("one", [1]), ints("rest", [1, 6, 5]), floats("token", [1, 1, 6, 5], uniform(7, 30)), floats("slope", [4, 1, 1], uniform(8, 4))];
    const { architecture, shape } = importOnnx(onnxModel({ nodes, initialisers }));
    const [one, four] = [1, 4].map((batch) => forwardGraph(architecture, shape, batch).graph.nodes);
    const names = (graph: typeof one): string[] => graph!.flatMap(({ operation }) => (operation.op === "frozen" || operation.op === "parameter" ? [operation.name] : []));
    assert.notEqual(one!.length, four!.length); // the expansion is nothing to do for one image
    assert.deepEqual(names(one), names(four));
  });

  it("images of 2^25 elements between layers are allowed, whatever batches are checked", () => {
    const { shape } = importOnnx(onnxModel({ nodes: [node("Resize", ["x", "", "scales"], ["r"]), node("GlobalAveragePool", ["r"], ["y"])], initialisers: [floats("scales", [4], [1, 1, 600, 800])] }));
    assert.deepEqual(shape.inputShape, [3, 6, 5]); // 3·3600·4000 elements: 77 times that are more than 2^31
  });

  it("a model for one image serves batches: reshapes keep the batch, constants are repeated", async () => {
    const nodes = [
      node("Reshape", ["x", "rows"], ["r"]), node("Transpose", ["r"], ["t"], { perm: [0, 2, 1] }), node("Concat", ["token", "t"], ["c"], { axis: 1 }), node("Reshape", ["c", "wide"], ["w5"]),
      node("Transpose", ["w5"], ["moved"], { perm: [2, 0, 1, 3] }), node("Gather", ["moved", "zero"], ["g"], { axis: 0 }), node("Reshape", ["g", "flat"], ["y"]),
    ];
    const initialisers = [ints("rows", [1, 6, 15]), floats("token", [1, 1, 6], uniform(5, 6)), ints("wide", [1, 16, 3, 2]), ints("zero", [0], []), ints("flat", [1, -1])];
    const imported = importOnnx(onnxModel({ nodes, initialisers, input: [1, 3, 6, 5] }));
    assert.deepEqual(imported.warnings.map(({ code }) => code), ["FIXED_BATCH"]);
    const each = [0, 1].map((i) => runtime(onnxModel({ nodes, initialisers, input: [1, 3, 6, 5] }), image.slice(i * 90, (i + 1) * 90), [1, 3, 6, 5]));
    assertClose(explainedInF64(imported, image, [0, 1]).logits, (await Promise.all(each)).flatMap((row) => Array.from(row)), { atol: 1e-6, rtol: 1e-6 });
  });
});
