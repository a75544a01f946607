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
    const up = { stride: [2, 3], padding: [1, 0, 0, 2], outputPadding: [1, 2], dilation: [1, 2], groups: 3 } as const;
    assert.deepEqual(b.shapeOf(b.convTranspose2d(x, b.parameter("up", [3, 2, 3, 2], zero), b.parameter("up.bias", [6], zero), up)), [2, 6, 11, 21]);
    assert.deepEqual(b.shapeOf(b.averagePool(x, { window: 2, ceilMode: true })), [2, 3, 3, 4]);
    assert.deepEqual(b.shapeOf(b.maxPool(x, { window: [2, 3], stride: 1, padding: [0, 1, 0, 0], dilation: [1, 2] })), [2, 3, 4, 4]);
    assert.deepEqual(b.shapeOf(b.conv2d(x, b.parameter("wd", [6, 1, 3, 2], zero), undefined, { stride: [1, 2], padding: [2, 0, 0, 1], dilation: [1, 3], groups: 3 })), [2, 6, 5, 3]);
    assert.deepEqual(b.shapeOf(b.globalAveragePool(x)), [2, 3, 1, 1]);
    assert.deepEqual(b.shapeOf(b.flatten(x)), [2, 105]);
    assert.deepEqual(b.shapeOf(b.matMul(x, b.parameter("m", [7, 4], zero))), [2, 3, 5, 4]);
    assert.deepEqual(b.shapeOf(b.matMul(b.parameter("heads", [3, 4, 5], zero), x)), [2, 3, 4, 7]);
  });

  it("refuses by name what does not fit", () => {
    const { b, x } = builder();
    const refused = (make: () => unknown, message: RegExp): void => { assert.throws(make, { code: "SHAPE_MISMATCH", message }); };
    refused(() => b.conv2d(x, b.parameter("w4", [4, 4, 3, 3], zero), undefined), /conv2d: expected weight \[k, 3\/1/);
    refused(() => b.conv2d(x, b.parameter("w9", [4, 3, 9, 9], zero), undefined), /conv2d: expected a window inside 5×7 padded pixels, got 9×9/);
    refused(() => b.conv2d(x, b.parameter("wg", [4, 1, 1, 1], zero), undefined, { groups: 3 }), /conv2d: expected groups to divide 3 and 4 channels, got 3/);
    refused(() => b.conv2d(x, b.parameter("ok", [4, 3, 1, 1], zero), b.parameter("b5", [5], zero)), /conv2d bias: expected shape \[4\]/);
    const up = b.parameter("up", [3, 4, 3, 3], zero);
    refused(() => b.convTranspose2d(x, b.parameter("up4", [4, 3, 3, 3], zero), undefined), /convTranspose2d: expected weight \[3, k\/1/);
    refused(() => b.convTranspose2d(x, up, undefined, { stride: 2, outputPadding: 2 }), /convTranspose2d: expected 0 ≤ outputPadding < stride or dilation, got 2/);
    refused(() => b.convTranspose2d(x, up, undefined, { padding: [0, -1, 0, 0] }), /convTranspose2d: expected padding ≥ 0/);
    refused(() => b.convTranspose2d(x, up, undefined, { padding: 4 }), /convTranspose2d: expected padding that leaves pixels of the output/);
    refused(() => b.convTranspose2d(x, up, b.parameter("b3", [3], zero)), /convTranspose2d bias: expected shape \[4\]/);
    refused(() => b.convTranspose2d(x, up, undefined, { groups: 2 }), /expected groups to divide 8 and 3 channels, got 2/);
    refused(() => b.linear(x, b.parameter("l", [4, 3], zero)), /linear: expected a tensor of rank 2/);
    refused(() => b.add(x, b.globalAveragePool(x)), /add: expected shape \[2, 3, 5, 7\]/);
    refused(() => b.maxPool(x, { window: 2, padding: 2 }), /maxPool: expected padding that leaves every window a cell of the image/);
    refused(() => b.normalise(x, [0], [1]), /normalise: expected 3 means/);
    refused(() => b.normalise(x, [0, 0, 0], [1, 0, 1]), /positive standard deviations/);
    refused(() => b.parameter("ok", [1], zero), /distinct names/);
    const [row, three] = [b.parameter("row", [3], zero), b.parameter("three", [3, 7, 4], zero)];
    refused(() => b.matMul(x, row), /matMul: expected operands of rank 2 and more/);
    refused(() => b.matMul(x, b.parameter("m5", [5, 4], zero)), /matMul: expected a right operand \[\.\., 7, n\]/);
    refused(() => b.matMul(b.parameter("four", [4, 5, 7], zero), three), /matMul: expected a shape that broadcasts with \[4\]/);
    refused(() => b.softmax(x, 4), /softmax: expected an axis of \[2, 3, 5, 7\]/);
    refused(() => b.logSoftmax(x, -1), /logSoftmax: expected an axis/);
    refused(() => b.layerNorm(x, row, undefined, 3), /layerNorm: expected shape \[7\]/);
    refused(() => b.layerNorm(x, undefined, row, 1), /layerNorm: expected gamma with beta/);
    refused(() => b.layerNorm(x, undefined, undefined, 1, 0), /layerNorm: expected 0 < epsilon ≤ 1/);
    refused(() => b.groupNorm(x, row, row, 2), /groupNorm: expected channels in 2 equal groups/);
    refused(() => b.groupNorm(x, row, three, 3), /groupNorm: expected shape \[3\]/);
    refused(() => b.lrn(x, { size: 0, alpha: 1, beta: 1, bias: 1 }), /lrn: expected channels and a window/);
    refused(() => b.lrn(x, { size: 3, alpha: 1, beta: 1, bias: 0 }), /lrn: expected alpha ≥ 0, bias > 0/);
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
