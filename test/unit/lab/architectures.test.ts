import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import type { Graph } from "../../../services/engine/graph/graph.ts";
import { flopsOfImage } from "../../../services/engine/plan/flops.ts";
import { forwardGraph, lossGraph, type ModelShape } from "../../../services/lab/models/architecture.ts";
import { architectureNamed, architectures } from "../../../services/lab/models/architectures.ts";
import { readSafetensors } from "../../../services/lab/models/safetensors.ts";
import { cifarCheckpoint, sharedMissing } from "../../support/shared.ts";

const grey: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.13], std: [0.31] };
const colour: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };

const parameterCount = ({ nodes }: Graph): number => nodes.reduce((sum, { operation, shape }) => sum + (operation.op === "parameter" ? shape.reduce((a, b) => a * b, 1) : 0), 0);

// Counted by hand from the layers: weights + biases, and 2 × multiply-adds.
const EXPECTED = [
  ["tiny-cnn", grey, 16 * 16 + 16 + 32 * 16 * 16 + 32 + 1568 * 100 + 100 + 1000 + 10, 2 * (14 * 14 * 16 * 16 + 7 * 7 * 32 * 16 * 16 + 1568 * 100 + 1000)],
  ["small-cnn", grey, 32 * 9 + 32 + 64 * 32 * 9 + 64 + 12544 * 128 + 128 + 1280 + 10, 2 * (784 * 32 * 9 + 784 * 64 * 32 * 9 + 12544 * 128 + 1280)],
  ["cifar-resnet18", colour, 11_173_962, 2 * (1024 * 64 * (27 + 4 * 576) + 256 * 128 * (576 + 64 + 3 * 1152) + 64 * 256 * (1152 + 128 + 3 * 2304) + 16 * 512 * (2304 + 256 + 3 * 4608) + 5120)],
  ["cifar-resnet20", colour, 269_722, 2 * (1024 * 432 + 6 * 1024 * 2304 + 256 * 4608 + 5 * 256 * 9216 + 64 * 18432 + 5 * 64 * 36864 + 640)],
] as const;

for (const [name, shape, parameters, flops] of EXPECTED) {
  describe(name, () => {
    const { graph, image, logits } = forwardGraph(architectures[name], shape, 3);
    it("takes images and gives logits", () => {
      assert.deepEqual(graph.nodes[image]!.shape, [3, ...shape.inputShape]);
      assert.deepEqual(graph.nodes[logits]!.shape, [3, 10]);
    });
    it(`has ${parameters} parameters`, () => assert.equal(parameterCount(graph), parameters));
    it(`takes ${flops} floating-point operations`, () => assert.equal(flopsOfImage(graph), flops));
    it("normalises first", () => assert.equal(graph.nodes[image + 1]!.operation.op, "normalise"));
    it("has a cross-entropy per image", () => {
      const withLoss = lossGraph(architectures[name], shape, 3);
      assert.deepEqual(withLoss.graph.nodes[withLoss.loss]!.shape, [3]);
    });
  });
}

it("the networks have the published sizes", () => {
  assert.equal((flopsOfImage(forwardGraph(architectures["small-cnn"], grey, 1).graph) / 1e6).toFixed(1), "32.6");
  const tiny = flopsOfImage(forwardGraph(architectures["tiny-cnn"], grey, 1).graph) / 1e6;
  assert.ok(tiny > 1 && tiny < 2, `${tiny} MFLOP`);
});

it("ResNet-18 has the names that PyTorch's state_dict has", () => {
  const { metadata } = readSafetensors(readFileSync(new URL("../../fixtures/goldens/torch-resnet18.safetensors", import.meta.url)));
  const ours = forwardGraph(architectures["cifar-resnet18"], colour, 1).graph.nodes.flatMap(({ operation }) =>
    operation.op === "parameter" || operation.op === "state" ? [operation.name] : []);
  assert.deepEqual(ours.sort(), (JSON.parse(metadata["names"]!) as string[]).sort());
});

it("ResNet-20 has the names and shapes of the published checkpoint", { skip: sharedMissing() ?? false }, () => {
  const { tensors } = cifarCheckpoint("resnet20");
  const ours = forwardGraph(architectures["cifar-resnet20"], colour, 1).graph.nodes.flatMap(({ operation, shape }) =>
    operation.op === "parameter" || operation.op === "state" ? [[operation.name, shape] as const] : []);
  assert.deepEqual(new Map(ours), new Map([...tensors].map(([name, { shape }]) => [name, shape])));
});

it("ResNet-20's shortcut takes every channel once, in the middle", () => {
  const { graph } = forwardGraph(architectures["cifar-resnet20"], colour, 1);
  const frozen = graph.nodes.map(({ operation }) => operation).filter((operation) => operation.op === "frozen");
  assert.deepEqual(frozen.map(({ name }) => name), ["layer2.0.shortcut", "layer3.0.shortcut"]);
  const [first] = frozen;
  const ones = first!.values.flatMap((v, i) => (v === 1 ? [[Math.floor(i / 16), i % 16]] : []));
  assert.deepEqual(ones, Array.from({ length: 16 }, (_, i) => [i + 8, i])); // 8 zero channels on each side of 16
});

it("an unknown architecture is refused with the known names", () =>
  assert.throws(() => architectureNamed("toString"), { code: "INVALID_INPUT", message: /tiny-cnn, small-cnn, cifar-resnet18, cifar-resnet20, got toString/ }));
