import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { ARCHITECTURE_NAMES, type ArchitectureName } from "../../../schema/jobs/architecture.ts";
import type { Graph, Initialiser } from "../../../services/engine/graph/graph.ts";
import { forwardGraph, lossGraph, type ModelShape } from "../../../services/lab/models/architecture.ts";
import { architectureNamed, architectures } from "../../../services/lab/models/architectures.ts";
import { summarise } from "../../../services/lab/models/summary.ts";

const published = (name: ArchitectureName, batch = 1): ReturnType<typeof forwardGraph> => forwardGraph(architectures[name], architectures[name].published, batch);

/** `described` of make-torch-architectures.py. */
function described(graph: Graph): { parameters: number; macs: number; tensors: number; sha256: string } {
  const lines = graph.nodes.flatMap(({ operation, shape }) => (operation.op === "parameter" || operation.op === "state" ? [`${operation.name} ${shape.join()}`] : [])).sort();
  const { parameterCount, flops } = summarise(graph);
  return { parameters: parameterCount, macs: flops / 2, tensors: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") };
}

/** Counted by hand from the layers: weights + biases, and multiply-adds. */
const DRAWN_HERE: Partial<Record<ArchitectureName, { parameters: number; macs: number }>> = {
  "tiny-cnn": { parameters: 16 * 16 + 16 + 32 * 16 * 16 + 32 + 1568 * 100 + 100 + 1000 + 10, macs: 14 * 14 * 16 * 16 + 7 * 7 * 32 * 16 * 16 + 1568 * 100 + 1000 },
  "small-cnn": { parameters: 32 * 9 + 32 + 64 * 32 * 9 + 64 + 12544 * 128 + 128 + 1280 + 10, macs: 784 * 32 * 9 + 784 * 64 * 32 * 9 + 12544 * 128 + 1280 },
};
const PYTORCH = JSON.parse(readFileSync(new URL("../../fixtures/goldens/torch-architectures.json", import.meta.url), "utf8")) as Record<string, ReturnType<typeof described>>;

describe("every architecture at the size that it was published for", () => {
  it("is known here or to PyTorch", () => assert.deepEqual([...Object.keys(DRAWN_HERE), ...Object.keys(PYTORCH)], [...ARCHITECTURE_NAMES]));

  for (const name of ARCHITECTURE_NAMES) {
    const { inputShape, classCount } = architectures[name].published;
    const { graph, image, logits } = published(name, 2);
    it(`${name}: images in, logits out, normalised first, a cross-entropy per image`, () => {
      assert.deepEqual([graph.nodes[image]!.shape, graph.nodes[logits]!.shape, graph.nodes[image + 1]!.operation.op], [[2, ...inputShape], [2, classCount], "normalise"]);
      const withLoss = lossGraph(architectures[name], architectures[name].published, 2);
      assert.deepEqual(withLoss.graph.nodes[withLoss.loss]!.shape, [2]);
    });
    it(`${name}: parameters and multiply-adds; names and shapes (make-torch-architectures.py ${name} lists PyTorch's)`, () => {
      const ours = described(graph);
      assert.deepEqual(name in DRAWN_HERE ? { parameters: ours.parameters, macs: ours.macs } : ours, DRAWN_HERE[name] ?? PYTORCH[name]);
    });
  }
});

it("operators are counted by kind, the most frequent first", () => {
  const counts = (name: ArchitectureName): Record<string, number> => Object.fromEntries(summarise(published(name).graph).operators.map(({ operator, count }) => [operator, count]));
  assert.deepEqual(Object.entries(counts("resnet18")), [["batchNorm", 20], ["conv2d", 20], ["relu", 17], ["add", 8], ["flatten", 1], ["globalAveragePool", 1], ["linear", 1], ["maxPool", 1], ["normalise", 1]]);
  assert.deepEqual([counts("mobilenet-v2")["clip"], counts("densenet121")["concat"], counts("vit-tiny")["gelu"], counts("vit-tiny")["softmax"]], [35, 58, 12, 12]);
  assert.equal(counts("vgg16-bn")["axisMap"], undefined, "7×7 activations are not averaged again");
});

it("ResNet-20's shortcut takes every channel once, in the middle", () => {
  const frozen = published("cifar-resnet20").graph.nodes.map(({ operation }) => operation).filter((operation) => operation.op === "frozen");
  assert.deepEqual(frozen.map(({ name }) => name), ["layer2.0.shortcut", "layer3.0.shortcut"]);
  const [first] = frozen;
  const ones = first!.values.flatMap((v, i) => (v === 1 ? [[Math.floor(i / 16), i % 16]] : []));
  assert.deepEqual(ones, Array.from({ length: 16 }, (_, i) => [i + 8, i])); // 8 zero channels on each side of 16
});

it("fresh weights are drawn as the code that the names are from draws them", () => {
  const initialiser = (name: ArchitectureName, parameter: string): Initialiser | undefined =>
    published(name).graph.nodes.flatMap(({ operation }) => (operation.op === "parameter" && operation.name === parameter ? [operation.initialiser] : []))[0];
  const zero: Initialiser = { kind: "constant", value: 0 };
  const expected: readonly (readonly [ArchitectureName, string, Initialiser])[] = [
    ["resnet18", "conv1.weight", { kind: "kaiming-normal", fanOut: 64 * 49 }], ["resnet18", "fc.weight", { kind: "kaiming-uniform", fanIn: 512 }], ["resnet18", "fc.bias", { kind: "bias-uniform", fanIn: 512 }],
    ["cifar-resnet18", "conv1.weight", { kind: "kaiming-uniform", fanIn: 27 }], ["cifar-resnet20", "linear.weight", { kind: "kaiming-normal", fanOut: 64 }], // √(2/fan in)
    ["cifar-wide-resnet28-10", "conv1.weight", { kind: "kaiming-normal", fanOut: 16 * 9 }], ["cifar-wide-resnet28-10", "fc.bias", zero],
    ["densenet121", "features.conv0.weight", { kind: "kaiming-normal", fanOut: 3 * 49 }], ["densenet121", "classifier.bias", zero],
    ["vgg11", "features.0.weight", { kind: "kaiming-normal", fanOut: 64 * 9 }], ["vgg11", "features.0.bias", zero], ["vgg11", "classifier.0.weight", { kind: "normal", std: 0.01 }],
    ["mobilenet-v2", "features.2.conv.1.0.weight", { kind: "kaiming-normal", fanOut: 96 * 9 }], // a filter for each of 96 channels
    ["squeezenet1-1", "features.0.weight", { kind: "uniform", bound: Math.sqrt(6 / 27) }], ["squeezenet1-1", "classifier.1.weight", { kind: "normal", std: 0.01 }],
    ["vit-tiny", "blocks.0.attn.qkv.weight", { kind: "normal", std: 0.02 }], ["vit-tiny", "patch_embed.proj.weight", { kind: "kaiming-uniform", fanIn: 768 }],
  ];
  for (const [name, parameter, wanted] of expected) assert.deepEqual(initialiser(name, parameter), wanted, `${name} ${parameter}`);
});

it("other images and classes are served; images that the layers do not fit are refused by name", () => {
  const shape = (inputShape: ModelShape["inputShape"]): ModelShape => ({ inputShape, classCount: 7, mean: inputShape[0] === 1 ? [0.1] : [0.5, 0.5, 0.5], std: inputShape[0] === 1 ? [0.3] : [0.2, 0.2, 0.2] });
  for (const [name, inputShape] of [["resnet50", [3, 32, 32]], ["vgg11-bn", [3, 64, 96]], ["cifar-wide-resnet28-10", [1, 28, 28]], ["densenet121", [3, 64, 64]], ["vit-tiny", [3, 64, 32]]] as const) {
    const { graph, logits } = forwardGraph(architectures[name], shape(inputShape), 1);
    assert.deepEqual(graph.nodes[logits]!.shape, [1, 7], name);
  }
  assert.throws(() => forwardGraph(architectures["vit-tiny"], shape([3, 100, 96]), 1), { code: "INVALID_INPUT", message: /^vit-tiny: .* got 3×100×96 \(vit: expected sides that are multiples of 16, got \[100,96\]\); 3×224×224 is what/ });
  assert.throws(() => forwardGraph(architectures["cifar-vgg11-bn"], shape([1, 28, 28]), 1), { code: "INVALID_INPUT", message: /^cifar-vgg11-bn: .* got 1×28×28 \(maxPool: / });
});

it("the second first block of TRADES' checkpoints is named as unused", () => {
  const { unused } = architectures["cifar-wide-resnet34-10"];
  assert.deepEqual(["sub_block1.layer.0.bn1.weight", "module.sub_block1.layer.0.conv1.weight", "block1.layer.0.conv1.weight"].map((name) => unused!.test(name)), [true, true, false]);
});

it("an unknown architecture is refused with the known names", () =>
  assert.throws(() => architectureNamed("toString"), { code: "INVALID_INPUT", message: /tiny-cnn, small-cnn, .*vit-small, got toString/ }));
