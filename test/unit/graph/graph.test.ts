import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { GraphBuilder, type Value } from "../../../services/engine/graph/graph.ts";
import { prune } from "../../../services/engine/graph/rewrite.ts";

const zero = { kind: "constant", value: 0 } as const;

describe("GraphBuilder", () => {
  const builder = (): { b: GraphBuilder; x: Value } => {
    const b = new GraphBuilder(2);
    return { b, x: b.normalise(b.image(3, 5, 7), [0, 0, 0], [1, 1, 1]) };
  };

  it("computes the shapes of PyTorch", () => {
    const { b, x } = builder();
    const y = b.conv2d(x, b.parameter("w", [4, 3, 3, 3], zero), b.parameter("b", [4], zero), { stride: 2, padding: 1 });
    assert.deepEqual(b.shapeOf(y), [2, 4, 3, 4]);
    assert.deepEqual(b.shapeOf(b.maxPool(x, { window: 3, stride: 2, padding: 1 })), [2, 3, 3, 4]);
    assert.deepEqual(b.shapeOf(b.averagePool(x, { window: 2 })), [2, 3, 2, 3]);
    assert.deepEqual(b.shapeOf(b.globalAveragePool(x)), [2, 3, 1, 1]);
    assert.deepEqual(b.shapeOf(b.flatten(x)), [2, 105]);
  });

  it("refuses by name what does not fit", () => {
    const { b, x } = builder();
    const refused = (make: () => unknown, message: RegExp): void => { assert.throws(make, { code: "SHAPE_MISMATCH", message }); };
    refused(() => b.conv2d(x, b.parameter("w4", [4, 4, 3, 3], zero), undefined), /conv2d: expected weight \[k, 3\/1/);
    refused(() => b.conv2d(x, b.parameter("w9", [4, 3, 9, 9], zero), undefined), /at least 9×9/);
    refused(() => b.conv2d(x, b.parameter("wg", [4, 1, 1, 1], zero), undefined, { groups: 3 }), /k divisible by 3/);
    refused(() => b.conv2d(x, b.parameter("ok", [4, 3, 1, 1], zero), b.parameter("b5", [5], zero)), /conv2d bias: expected shape \[4\]/);
    refused(() => b.linear(x, b.parameter("l", [4, 3], zero)), /linear: expected a tensor of rank 2/);
    refused(() => b.add(x, b.globalAveragePool(x)), /add: expected shape \[2, 3, 5, 7\]/);
    refused(() => b.maxPool(x, { window: 2, padding: 2 }), /padding ≤ window\/2/);
    refused(() => b.normalise(x, [0], [1]), /normalise: expected 3 means/);
    refused(() => b.normalise(x, [0, 0, 0], [1, 0, 1]), /positive standard deviations/);
    refused(() => b.parameter("ok", [1], zero), /distinct names/);
  });
});

describe("prune", () => {
  it("drops what the kept values do not depend on, and renames the rest", () => {
    const b = new GraphBuilder(1);
    const image = b.image(1, 2, 2);
    const x = b.normalise(image, [0], [1]);
    b.relu(x); // dead
    const y = b.globalAveragePool(x);
    const { graph, values } = prune(b.graph, [y]);
    assert.deepEqual(graph.nodes.map(({ operation }) => operation.op), ["image", "normalise", "globalAveragePool"]);
    assert.deepEqual([image, x, y].map((v) => values.get(v)), [0, 1, 2]);
    assert.deepEqual(graph.nodes[2]!.inputs, [1]);
  });
});
