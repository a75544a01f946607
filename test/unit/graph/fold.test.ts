import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { evaluate } from "../../../services/engine/cpu/evaluate.ts";
import { foldBatchNorm } from "../../../services/engine/graph/fold.ts";
import type { Graph, Operation } from "../../../services/engine/graph/graph.ts";
import { assertClose } from "../../support/close.ts";
import { leavesOf, Sketch, smallNetworks } from "../../support/networks.ts";

const count = ({ nodes }: Graph, op: Operation["op"]): number => nodes.filter(({ operation }) => operation.op === op).length;

describe("foldBatchNorm", () => {
  for (const network of smallNetworks) {
    it(`keeps what the network computes in evaluation mode: ${network.title}`, () => {
      const leaves = leavesOf(network, 3);
      const { graph, values } = foldBatchNorm(network.graph);
      assertClose(evaluate(graph, leaves, "eval").of(values.get(network.of)!), evaluate(network.graph, leaves, "eval").of(network.of), { atol: 1e-12, rtol: 1e-10 });
    });
  }

  it("folds every batch norm that alone reads a convolution, and only those", () => {
    const sketch = new Sketch(2);
    const { builder } = sketch;
    const x = builder.normalise(builder.image(3, 4, 4), [0, 0, 0], [1, 1, 1]);
    const alone = sketch.norm(sketch.conv(x, 4, 3, { padding: 1, groups: 1, bias: true }));
    const twice = sketch.conv(alone, 4, 1);
    const y = builder.add(sketch.norm(twice), twice);
    const { graph, values } = foldBatchNorm(builder.graph);
    assert.equal(count(graph, "foldWeight"), 1);
    assert.equal(count(graph, "foldBias"), 1);
    assert.equal(count(graph, "batchNorm"), 1);
    assert.equal(graph.nodes[values.get(alone)!]!.operation.op, "conv2d");
    assert.equal(values.get(y), graph.nodes.length - 1);
    for (const [i, { inputs }] of graph.nodes.entries()) assert.ok(inputs.every((input) => input < i), "topological order");
  });

  it("keeps the names of all parameters and states", () => {
    const names = ({ nodes }: Graph): string[] => nodes.flatMap(({ operation }) => ("name" in operation ? [operation.name] : [])).sort();
    for (const { graph } of smallNetworks) assert.deepEqual(names(foldBatchNorm(graph).graph), names(graph));
  });
});
