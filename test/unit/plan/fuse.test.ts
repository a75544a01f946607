import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import type { Graph, Value } from "../../../services/engine/graph/graph.ts";
import { ancestors } from "../../../services/engine/graph/rewrite.ts";
import { flopsOfImage, nodeMacs } from "../../../services/engine/plan/flops.ts";
import { type Fusion, fuse } from "../../../services/engine/plan/fuse.ts";
import { parametersOf, Sketch, smallNetworks } from "../../support/networks.ts";

const fused = (graph: Graph, keep: readonly Value[]): Fusion => fuse(graph, ancestors(graph, keep), new Set(keep));

/** conv → relu → conv → (+ first relu) → relu → flatten → linear → selected logit. */
function residual(): { sketch: Sketch; image: Value; a: Value; b: Value; c: Value; sum: Value; y: Value; of: Value } {
  const sketch = new Sketch(1);
  const { builder } = sketch;
  const image = builder.image(3, 4, 4);
  const a = builder.relu(sketch.conv(builder.normalise(image, [0, 0, 0], [1, 1, 1]), 4, 3, { padding: 1 }));
  const b = builder.relu(sketch.conv(a, 4, 3, { padding: 1 }));
  const c = sketch.conv(b, 4, 3, { padding: 1 });
  const sum = builder.add(c, a);
  const y = builder.relu(sum);
  const of = builder.selectLogit(sketch.linear(builder.flatten(y), 3), builder.labels());
  return { sketch, image, a, b, c, sum, y, of };
}

describe("fuse", () => {
  it("takes convolution, residual and ReLU in one pass", () => {
    const { sketch, a, c, sum, y, of } = residual();
    const { chains, absorbed } = fused(sketch.builder.graph, [of]);
    assert.deepEqual(chains.get(y), { base: c, final: y, residual: a, relu: true, mask: undefined });
    assert.ok(absorbed.has(c) && absorbed.has(sum) && !absorbed.has(y) && !absorbed.has(a));
  });

  it("takes a gradient, the other branch's gradient and the ReLU's mask in one pass, through flatten", () => {
    const { sketch, image, a, y, of } = residual();
    const { graph, gradients } = differentiate(sketch.builder.graph, of, [image], 1);
    const gradient = gradients.get(image)!;
    const { chains } = fused(graph, [gradient]);
    const masks = [...chains.values()].filter(({ mask }) => mask !== undefined);
    assert.deepEqual(masks.map(({ mask }) => mask).sort((p, q) => p! - q!), [a, residual().b, y]);
    assert.equal(graph.nodes[chains.get(masks.find(({ mask }) => mask === y)!.final)!.base]!.operation.op, "linearGradInput");
    assert.equal(masks.filter(({ residual: r }) => r !== undefined).length, 1, "the shortcut's gradient is added in the same pass");
    const stored = graph.nodes.filter(({ operation: { op } }, i) => (op === "reluGrad" || op === "add") && ancestors(graph, [gradient]).has(i as Value) && !chains.has(i as Value) && !fused(graph, [gradient]).absorbed.has(i as Value));
    assert.deepEqual(stored, [], "no ReLU gradient and no sum is a pass of its own");
  });

  it("takes ReLU with a transposed convolution, and the mask with its gradient, which is a convolution", () => {
    const sketch = new Sketch(1);
    const { builder } = sketch;
    const image = builder.image(3, 4, 4);
    const a = builder.relu(sketch.conv(image, 4, 1));
    const up = sketch.convTranspose(a, 5, 3, { stride: 2, bias: true });
    const y = builder.relu(up);
    const of = builder.selectLogit(sketch.linear(builder.flatten(y), 3), builder.labels());
    const { graph, gradients } = differentiate(builder.graph, of, [image], 1);
    const { chains } = fused(graph, [y, gradients.get(image)!]);
    assert.deepEqual(chains.get(y), { base: up, final: y, residual: undefined, relu: true, mask: undefined });
    const masked = [...chains.values()].find(({ mask }) => mask === a)!;
    assert.equal(graph.nodes[masked.base]!.operation.op, "conv2d");
  });

  it("stops where a value is kept, or read by someone else", () => {
    const { sketch, c, sum, y, of } = residual();
    assert.equal(fused(sketch.builder.graph, [of, c]).chains.get(c)!.final, c);
    assert.equal(fused(sketch.builder.graph, [of, sum]).chains.get(sum)!.relu, false);
    const { builder } = sketch;
    const twice = sketch.conv(y, 4, 1);
    const z = builder.add(builder.relu(twice), twice);
    const chain = fused(builder.graph, [of, z]).chains.get(twice)!;
    assert.deepEqual([chain.final, chain.relu], [twice, false]);
  });

  it("does not take a value for its own residual", () => {
    const sketch = new Sketch(1);
    const { builder } = sketch;
    const x = sketch.conv(builder.normalise(builder.image(1, 2, 2), [0], [1]), 4, 1);
    const sum = builder.add(x, x);
    assert.deepEqual(fused(builder.graph, [sum]).chains.get(x), { base: x, final: x, residual: undefined, relu: false, mask: undefined });
  });

  it("does not take the value that a ReLU's gradient only compares with 0", () => {
    const sketch = new Sketch(1);
    const { builder } = sketch;
    const x = builder.normalise(builder.image(1, 2, 2), [0], [1]);
    const w = sketch.weight(1, 1, 1, 1);
    const g = builder.push({ op: "conv2dGradInput", stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 }, [x, w], [1, 1, 2, 2]);
    const masked = builder.push({ op: "reluGrad" }, [x, g], [1, 1, 2, 2]);
    assert.deepEqual([...fused(builder.graph, [masked]).chains.keys()], [g]);
  });

  it("takes a batch norm, the residual and ReLU in one pass, also when the residual is a batch norm", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const x = b.normalise(b.image(4, 4, 4), [0, 0, 0, 0], [1, 1, 1, 1]);
    const norm = sketch.norm(sketch.conv(x, 4, 1));
    const shortcut = sketch.norm(sketch.conv(x, 4, 1));
    const y = b.relu(b.add(norm, shortcut));
    const { chains, absorbed } = fused(b.graph, [y]);
    assert.deepEqual(chains.get(y), { base: shortcut, final: y, residual: norm, relu: true, mask: undefined });
    assert.equal(chains.get(norm)!.final, norm);
    assert.ok(absorbed.has(shortcut) && !absorbed.has(norm));
  });

  it("takes a pooling's gradient and that of the ReLU before it in one pass, and of no other ReLU", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const a = b.relu(b.normalise(b.image(4, 4, 4), [0, 0, 0, 0], [1, 1, 1, 1]));
    const other = b.relu(a);
    const pooled = b.maxPool(a, { window: 2 });
    const dx = b.push({ op: "maxPoolGrad", window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceilMode: false }, [pooled, a, pooled], [2, 4, 4, 4]);
    const [own, foreign] = [a, other].map((mask) => b.push({ op: "reluGrad" }, [dx, mask], [2, 4, 4, 4])) as [Value, Value];
    assert.deepEqual(fused(b.graph, [own]).chains.get(own), { base: dx, final: own, residual: undefined, relu: false, mask: a });
    assert.equal(fused(b.graph, [foreign]).chains.get(dx)!.final, dx);
  });

  it("lets the later of two added convolutions take the earlier as residual", () => {
    const network = smallNetworks.find(({ title }) => title === "residual additions")!;
    const { chains } = fused(network.graph, [network.of]);
    const projections = [...chains.values()].filter(({ base, residual: r }) => r !== undefined && network.graph.nodes[r]!.operation.op === "conv2d" && base > r);
    assert.equal(projections.length, 1);
  });
});

describe("multiply-adds", () => {
  it("count logical channels, and a gradient as its forward operation", () => {
    const { sketch, image, of } = residual();
    const forward = 2 * (16 * 4 * 27 + 2 * 16 * 4 * 36 + 3 * 64);
    assert.equal(flopsOfImage(sketch.builder.graph), forward);
    const { graph } = differentiate(sketch.builder.graph, of, [image], 1);
    const all = graph.nodes.reduce((sum, node) => sum + nodeMacs(graph, node), 0);
    assert.equal(2 * all, 2 * forward);
  });

  it("of a matrix product are those of its gradients, whatever is repeated", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const image = b.image(3, 4, 5);
    const y = b.reshape(b.matMul(image, sketch.weight(3, 5, 7)), [2, 3 * 4 * 7]);
    assert.equal(flopsOfImage(b.graph), 2 * 3 * 4 * 5 * 7);
    const { graph } = differentiate(b.graph, b.selectLogit(y, b.labels()), [image, ...parametersOf(b.graph)], 1);
    assert.deepEqual(graph.nodes.map((node) => nodeMacs(graph, node)).filter((macs) => macs > 0), [840, 840, 840]);
  });

  it("of a transposed convolution are those of the convolution that it transposes", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const image = b.image(3, 4, 5);
    const y = sketch.convTranspose(image, 7, [2, 3], { stride: 2, dilation: 2 });
    assert.equal(flopsOfImage(b.graph), 2 * 3 * 4 * 5 * 7 * 6);
    const flat = b.reshape(y, [2, 7 * 9 * 13]);
    const { graph } = differentiate(b.graph, b.selectLogit(flat, b.labels()), [image, ...parametersOf(b.graph)], 1);
    assert.deepEqual(graph.nodes.map((node) => nodeMacs(graph, node)).filter((macs) => macs > 0), [5040, 5040, 5040]);
  });

  it("do not count a frozen selection of channels as arithmetic", () => {
    const { graph } = smallNetworks.find(({ title }) => title.startsWith("a frozen"))!;
    assert.equal(flopsOfImage(graph), 2 * 5 * 9 * 3); // the linear layer after it
  });
});
