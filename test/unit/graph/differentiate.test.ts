import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../../services/engine/graph/fold.ts";
import { type Graph, GraphBuilder, type Operation } from "../../../services/engine/graph/graph.ts";
import { leavesOf, parametersOf, Sketch, smallNetworks } from "../../support/networks.ts";
import { evaluate } from "../../../services/engine/cpu/evaluate.ts";

const operations = ({ nodes }: Graph): Set<Operation["op"]> => new Set(nodes.map(({ operation }) => operation.op));
const whole = smallNetworks.at(-1)!;

describe("differentiate", () => {
  it("makes no weight gradients when only the image is asked for", () => {
    const { graph } = differentiate(whole.graph, whole.of, [whole.image], 1);
    for (const op of ["conv2dGradWeight", "linearGradWeight", "biasGrad", "batchNormGradGamma", "batchNormGradBeta"] as const) assert.ok(!operations(graph).has(op), op);
    assert.ok(operations(graph).has("normaliseGrad"));
  });

  it("goes no further towards the image than the parameters that are asked for", () => {
    const { graph } = differentiate(whole.graph, whole.of, parametersOf(whole.graph), 1);
    assert.ok(!operations(graph).has("normaliseGrad"));
    assert.equal(graph.nodes.filter(({ operation }) => operation.op === "conv2dGradInput").length, graph.nodes.filter(({ operation }) => operation.op === "conv2d").length - 1, "the first convolution needs no input gradient");
    const last = parametersOf(whole.graph).at(-1)!; // the last bias
    assert.ok(!operations(differentiate(whole.graph, whole.of, [last], 1).graph).has("linearGradInput"));
  });

  it("keeps every value of the graph it extends, and gives gradients the shape of their targets", () => {
    const targets = [whole.image, ...parametersOf(whole.graph)];
    const { graph, gradients } = differentiate(whole.graph, whole.of, targets, 1);
    assert.deepEqual(graph.nodes.slice(0, whole.graph.nodes.length), whole.graph.nodes);
    for (const target of targets) assert.deepEqual(graph.nodes[gradients.get(target)!]!.shape, graph.nodes[target]!.shape);
  });

  it("differentiates with respect to a value in the middle", () => {
    const { gradients, graph } = differentiate(whole.graph, whole.of, [whole.logits], 2);
    const leaves = leavesOf(whole, 1);
    const dlogits = evaluate(graph, leaves, "eval").of(gradients.get(whole.logits)!);
    for (let i = 0; i < whole.graph.batch; i++) assert.ok(Math.abs(dlogits[3 * i]! + dlogits[3 * i + 1]! + dlogits[3 * i + 2]!) < 1e-15, "cross-entropy's gradient sums to 0 over classes");
  });

  it("gives the seed itself for the gradient of a value by itself", () => {
    const { graph, gradients } = differentiate(whole.graph, whole.of, [whole.of], 3);
    assert.deepEqual(graph.nodes[gradients.get(whole.of)!]!.operation, { op: "seed", value: 3 });
  });

  it("refuses by name what has no gradient", () => {
    const folded = foldBatchNorm(whole.graph);
    const weight = parametersOf(folded.graph)[0]!;
    assert.throws(() => differentiate(folded.graph, folded.values.get(whole.of)!, [weight], 1), { code: "SHAPE_MISMATCH", message: /with a gradient for input 0, got foldWeight/ });
    const state = whole.graph.nodes.findIndex(({ operation }) => operation.op === "state") as typeof whole.of;
    assert.throws(() => differentiate(whole.graph, whole.of, [state], 1), { code: "SHAPE_MISMATCH", message: /for input 3, got batchNorm/ });
    const labels = whole.graph.nodes.findIndex(({ operation }) => operation.op === "labels") as typeof whole.of;
    assert.throws(() => differentiate(whole.graph, whole.of, [labels], 1), { message: /for input 1, got softmaxCrossEntropy/ });
  });

  it("refuses a value that is not per image, and a target that does not matter", () => {
    assert.throws(() => differentiate(whole.graph, whole.logits, [whole.image], 1), { code: "SHAPE_MISMATCH", message: /expected a value per image \[3\], got \[3, 3\]/ });
    const sketch = new Sketch(1);
    const { builder } = sketch;
    const x = builder.flatten(builder.normalise(builder.image(1, 2, 2), [0], [1]));
    const of = builder.selectLogit(sketch.linear(x, 3), builder.labels());
    const other = sketch.weight(3);
    assert.throws(() => differentiate(builder.graph, of, [other], 1), { code: "SHAPE_MISMATCH", message: /to depend on value \d+ \(parameter\), it does not/ });
  });

  it("starts a builder with a positive batch size only", () => {
    assert.throws(() => new GraphBuilder(0), { code: "SHAPE_MISMATCH" });
  });
});
