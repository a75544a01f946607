import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { evaluate } from "../../../services/engine/cpu/evaluate.ts";
import { gather, pad, resize, slice } from "../../../services/engine/graph/axis-maps.ts";
import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import { GraphBuilder, type Value } from "../../../services/engine/graph/graph.ts";
import { transposeMap } from "../../../services/engine/graph/operations/shape.ts";

const zero = { kind: "constant", value: 0 } as const;

describe("general operators in GraphBuilder", () => {
  const b = new GraphBuilder(2);
  const image = b.image(4, 3, 5);
  const refused = (make: () => unknown, message: RegExp): void => { assert.throws(make, { code: "SHAPE_MISMATCH", message }); };

  it("compute the shapes of NumPy", () => {
    const column = b.parameter("column", [4, 1, 1], zero);
    assert.deepEqual(b.shapeOf(b.binary("mul", image, column)), [2, 4, 3, 5]);
    assert.deepEqual(b.shapeOf(b.compare("less", b.parameter("row", [7, 1, 1, 1, 5], zero), image)), [7, 2, 4, 3, 5]);
    assert.deepEqual(b.shapeOf(b.where(column, image, b.constant([1], [0]))), [2, 4, 3, 5]);
    assert.deepEqual(b.shapeOf(b.prelu(image, column)), [2, 4, 3, 5]);
    assert.deepEqual(b.shapeOf(b.reduce("mean", image, [3, 1], true)), [2, 1, 3, 1]);
    assert.deepEqual(b.shapeOf(b.reduce("mean", image, [3, 1], false)), [2, 3]);
    assert.deepEqual(b.shapeOf(b.reduce("sum", image, [0, 1, 2, 3], false)), [1]);
    assert.deepEqual(b.shapeOf(b.transpose(image, [0, 2, 3, 1])), [2, 3, 5, 4]);
    assert.deepEqual(b.shapeOf(b.expand(column, [2, 4, 3, 5])), [2, 4, 3, 5]);
    assert.deepEqual(b.shapeOf(b.concat([image, image, image], 2)), [2, 4, 9, 5]);
    assert.deepEqual(b.shapeOf(b.axisMap(image, 3, { offsets: [0, 1, 1], indices: [4], weights: [2] })), [2, 4, 3, 2]);
  });

  it("return what they were given where there is nothing to do, and flatten where a reshape is one", () => {
    assert.equal(b.reshape(image, [2, 4, 3, 5]), image);
    assert.equal(b.expand(image, [2, 4, 3, 5]), image);
    assert.equal(slice(b, image, 1, 0, 4), image);
    assert.equal(pad(b, image, 1, 0, 0, "constant", 3), image);
    assert.equal(b.graph.nodes[b.reshape(image, [2, 60])]!.operation.op, "flatten");
    assert.equal(b.graph.nodes[b.binary("add", image, image)]!.operation.op, "add");
  });

  it("refuse by name what does not fit", () => {
    refused(() => b.unary({ name: "affine", scale: NaN, shift: 0 }, image), /affine: expected finite parameters/);
    refused(() => b.unary({ name: "clip", min: 1, max: 0 }, image), /clip: expected min ≤ max/);
    refused(() => b.unary({ name: "celu", alpha: 0 }, image), /celu: expected alpha other than 0/);
    refused(() => b.binary("mul", image, b.parameter("three", [3], zero)), /mul: expected a shape that broadcasts with \[2, 4, 3, 5\], got \[3\]/);
    refused(() => b.prelu(image, b.parameter("large", [3, 2, 4, 3, 5], zero)), /prelu: expected a slope that broadcasts/);
    refused(() => b.reduce("sum", image, [], true), /reduce: expected distinct axes/);
    refused(() => b.reduce("sum", image, [1, 1], true), /reduce: expected distinct axes/);
    refused(() => b.reduce("sum", image, [4], true), /reduce: expected an axis of \[2, 4, 3, 5\], counted from 0, got 4/);
    refused(() => b.reshape(image, [2, 61]), /reshape: expected 120 elements/);
    refused(() => b.reshape(image, [2, 60, 1, 1, 1, 1, 1]), /reshape: expected 1 to 6 positive sides/);
    refused(() => b.transpose(image, [0, 1, 1, 2]), /transpose: expected a permutation of the 4 axes/);
    refused(() => b.expand(image, [2, 4, 3, 6]), /expand: expected a shape that \[2, 4, 3, 5\] can be repeated to/);
    refused(() => b.concat([], 0), /concat: expected at least one tensor/);
    refused(() => b.concat([image, b.reduce("sum", image, [1], true)], 2), /concat: expected shapes that differ from \[2, 4, 3, 5\] in axis 2 alone/);
    refused(() => b.axisMap(image, 1, { offsets: [0, 2, 1], indices: [0], weights: [1] }), /axisMap: expected offsets that rise from 0 to 1/);
    refused(() => b.axisMap(image, 1, { offsets: [0, 1], indices: [4], weights: [1] }), /axisMap: expected indices below 4, got 4/);
    refused(() => b.axisMap(image, 1, { offsets: [0, 1], indices: [3], weights: [Infinity] }), /axisMap: expected 1 finite weights/);
    refused(() => slice(b, image, 1, 3, 1), /slice: expected bounds with elements/);
    refused(() => slice(b, image, 1, 0, 4, 0), /slice: expected a step other than 0/);
    refused(() => gather(b, image, 1, [-5]), /axisMap: expected indices below 4, got -1/);
    refused(() => pad(b, image, 3, 5, 0, "reflect"), /pad: expected less than 5 reflected elements/);
    refused(() => pad(b, image, 3, -3, -2, "constant"), /pad: expected whole numbers of elements that leave some/);
    refused(() => resize(b, image, 3, 0, { mode: "linear" }), /resize: expected a positive size and scale/);
  });
});

describe("slices and gathers", () => {
  const numbers = [10, 11, 12, 13, 14];
  const of = (make: (b: GraphBuilder, x: Value) => Value): number[] => {
    const b = new GraphBuilder(1);
    const y = make(b, b.parameter("x", [5], zero));
    return [...evaluate(b.graph, { parameters: new Map([["x", Float64Array.from(numbers)]]) }, "eval").of(y)];
  };

  it("take NumPy's bounds: negative, beyond the axis, backwards", () => {
    for (const [start, end, step, expected] of [
      [1, 4, 1, [11, 12, 13]], [-2, 100, 1, [13, 14]], [0, -1, 2, [10, 12]], [4, -100, -1, [14, 13, 12, 11, 10]], [-1, 0, -2, [14, 12]], [100, 1, -1, [14, 13, 12]],
      [-(2 ** 31), 2 ** 31 - 1, 3, [10, 13]], [2 ** 31 - 1, -(2 ** 31), -3, [14, 11]],
    ] as const) assert.deepEqual(of((b, x) => slice(b, x, 0, start, end, step)), [...expected], `${start}:${end}:${step}`);
  });

  it("count negative indices from the end", () => { assert.deepEqual(of((b, x) => gather(b, x, 0, [-1, 0, 0, -5])), [14, 10, 10, 10]); });

  it("transposing a map twice gives it again, its entries in order", () => {
    const map = { offsets: [0, 2, 2, 3], indices: [0, 4, 2], weights: [0.5, 2, 3] };
    assert.deepEqual(transposeMap(transposeMap(map, 5), 3), map);
  });
});

describe("differentiation of general operators", () => {
  it("passes nothing through conditions and steps, and says so when that was the only way", () => {
    const b = new GraphBuilder(1);
    const x = b.parameter("x", [1], zero);
    const of = b.where(b.compare("greater", x, b.constant([1], [0])), b.unary({ name: "floor" }, x), b.constant([1], [2]));
    assert.throws(() => differentiate(b.graph, of, [x], 1), { code: "SHAPE_MISMATCH", message: /to depend on value 0 \(parameter\)/ });
  });

  it("gives the image's gradient dense, without a step of its own where it is that already", () => {
    const b = new GraphBuilder(2);
    const image = b.image(4, 2, 2);
    const of = b.reduce("sum", b.unary({ name: "sin" }, image), [1, 2, 3], false);
    const { graph, gradients } = differentiate(b.graph, of, [image], 1);
    assert.equal(graph.nodes[gradients.get(image)!]!.operation.op, "reshape");
    assert.deepEqual(graph.nodes[gradients.get(image)!]!.shape, [2, 4, 2, 2]);
  });
});
