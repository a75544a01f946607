import type { Graph, Operation, OperationOf } from "../../../engine/graph/graph.ts";
import { type Architecture, forwardGraph, type ModelShape } from "../architecture.ts";
import type { NamedTensor } from "../weights/tensor-file.ts";
import { unsupported } from "./errors.ts";
import { broadcast } from "./export/broadcast.ts";
import { elementwise } from "./export/elementwise.ts";
import { layers } from "./export/layers.ts";
import { norms } from "./export/norms.ts";
import { shapes } from "./export/shapes.ts";
import type { Translate, Translations } from "./export/translation.ts";
import { OnnxWriter } from "./export/writer.ts";

const translations: Translations = { ...layers, ...elementwise, ...broadcast, ...norms, ...shapes };

/** Batch sizes whose graphs are compared to find the axis that the batch is. */
const [FEW, MANY] = [7, 77] as const;

/**
 * A network as an ONNX file (opset 17, f32): input `image` [n, c, h, w] in [0, 1], normalisation included, output `logits`
 * [n, classes], any n. Tensors keep their names.
 *
 * @throws AppError MODEL_UNSUPPORTED for an operation that has no translation, or a missing tensor.
 */
export function writeOnnx(architecture: Architecture, shape: ModelShape, tensors: ReadonlyMap<string, NamedTensor>): Uint8Array {
  const { graph, image, logits } = forwardGraph(architecture, shape, FEW);
  const many = forwardGraph(architecture, shape, MANY).graph;
  const writer = new OnnxWriter();
  const names: string[] = [];
  let batch: string | undefined;
  const batchSize = (): string => (batch ??= writer.node("Slice", [writer.node("Shape", ["image"]), writer.integers([0]), writer.integers([1])]));
  graph.nodes.forEach(({ operation, inputs, shape: sides }, i) => {
    const output = i === logits ? "logits" : i === image ? "image" : writer.fresh(operation.op);
    names.push(isLeaf(operation) ? leafName(writer, operation, graph, i, tensors) : output);
    if (isLeaf(operation)) return;
    const translate = translations[operation.op] as Translate<Operation["op"]> | undefined;
    if (!translate) throw unsupported(undefined, `export: expected operations that ONNX has, got ${operation.op}; export to safetensors`);
    const batchAxis = sides.findIndex((side, axis) => side !== many.nodes[i]!.shape[axis]);
    translate({ writer, operation, inputs: inputs.map((input) => names[input]!), inputNodes: inputs.map((input) => graph.nodes[input]!), shape: sides, output, batchAxis, batch: batchSize });
  });
  return writer.finish(architecture.title, { name: "image", sides: shape.inputShape }, { name: "logits", sides: [shape.classCount] });
}

type Leaf = OperationOf<"image" | "labels" | "parameter" | "state" | "frozen">;
function isLeaf({ op }: Operation): boolean { return op === "image" || op === "labels" || op === "parameter" || op === "state" || op === "frozen"; }

function leafName(writer: OnnxWriter, operation: Operation, { nodes }: Graph, index: number, tensors: ReadonlyMap<string, NamedTensor>): string {
  const leaf = operation as Leaf;
  const { shape } = nodes[index]!;
  switch (leaf.op) {
    case "image": case "labels": return leaf.op;
    case "frozen": return writer.tensor(leaf.name, { shape, data: Float32Array.from(leaf.values) });
    case "parameter": case "state": {
      const tensor = tensors.get(leaf.name);
      if (tensor?.shape.join() !== shape.join()) throw unsupported(undefined, `export: expected a tensor ${leaf.name} [${shape.join(", ")}], got ${tensor ? `[${tensor.shape.join(", ")}]` : "none"}; export with the network's own weights`);
      return writer.tensor(leaf.name, { shape, data: tensor.data });
    }
  }
}
