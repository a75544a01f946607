import assert from "node:assert/strict";
import { it } from "node:test";

import { AppError } from "../../../services/common/errors.ts";
import { forwardGraph } from "../../../services/lab/models/architecture.ts";
import { importOnnx } from "../../../services/lab/models/onnx/import-onnx.ts";
import { mutations } from "../../support/mutate.ts";
import { floats, ints, node, onnxModel } from "../../support/onnx.ts";
import { uniform } from "../../support/random.ts";

/** Small, and with every kind of thing that a file can lie about: shapes, axes, windows, sizes, types, names. */
const model = onnxModel({
  opset: 13,
  nodes: [
    node("Pad", ["x", "p"], ["padded"], { mode: "reflect" }), node("Conv", ["padded", "w", "b"], ["conv"], { kernel_shape: [3, 3], strides: [2, 1], group: 1 }),
    node("BatchNormalization", ["conv", "g", "g", "g", "g"], ["norm"]), node("Relu", ["norm"], ["relu"]), node("MaxPool", ["relu"], ["pool"], { kernel_shape: [2, 2], strides: [1, 1], ceil_mode: 1 }),
    node("Resize", ["pool", "none", "scales"], ["large"], { mode: "linear" }), node("Slice", ["large", "from", "to", "axes"], ["part"]), node("Clip", ["part", "low", "high"], ["clipped"]),
    node("Shape", ["clipped"], ["s"]), node("Gather", ["s", "first"], ["n"]), node("Range", ["zero", "four", "one"], ["range"]), node("Concat", ["n", "minus"], ["target"], { axis: 0 }),
    node("Reshape", ["clipped", "target"], ["rows"]), node("Transpose", ["rows"], ["t"], { perm: [1, 0] }), node("Gather", ["t", "range"], ["four rows"], { axis: 0 }), node("Transpose", ["four rows"], ["u"]),
    node("Gemm", ["u", "m", "v"], ["y"], { alpha: { float: 1 }, transB: 1 }),
  ],
  initialisers: [
    ints("p", [0, 0, 1, 1, 0, 0, 1, 1]), floats("w", [4, 3, 3, 3], uniform(1, 108)), floats("b", [4], uniform(2, 4)), floats("g", [4], [1, 1, 1, 1]), floats("none", [0], []), floats("scales", [4], [1, 1, 2, 1.5]),
    ints("from", [0, 1]), ints("to", [4, 2n ** 63n - 1n]), ints("axes", [2, -1]), floats("low", [], [0]), floats("high", [], [6]), ints("first", [0]), ints("minus", [-1]), ints("zero", [0], []), ints("four", [4], []), ints("one", [1], []),
    floats("m", [5, 4], uniform(3, 20)), floats("v", [5], uniform(4, 5)),
  ],
});

it("10,000 damaged files end in a named error or an import, in time and memory", (t) => {
  importOnnx(model);
  const outcomes = new Map<string, number>();
  let slowest = 0;
  const before = process.memoryUsage().rss;
  for (const bytes of mutations(20260719, model, 10_000)) {
    const start = performance.now();
    const outcome = importOf(bytes);
    slowest = Math.max(slowest, performance.now() - start);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  t.diagnostic(`${JSON.stringify(Object.fromEntries(outcomes))}, slowest ${slowest.toFixed(0)} ms, memory +${grown.toFixed(0)} MiB, file of ${model.length} bytes`);
  assert.ok(slowest < 10_000);
  assert.ok(grown < 512);
  for (const expected of ["imported", "MODEL_UNSUPPORTED", "WEIGHTS_CORRUPT"]) assert.ok((outcomes.get(expected) ?? 0) > 100, `${expected} hardly ever happens: the damage is not where it should be`);
});

function importOf(bytes: Uint8Array): string {
  try {
    const { architecture, shape } = importOnnx(bytes);
    forwardGraph(architecture, shape, 3);
    return "imported";
  } catch (error) {
    if (error instanceof AppError && (error.code === "MODEL_UNSUPPORTED" || error.code === "WEIGHTS_CORRUPT")) return error.code;
    throw error;
  }
}
