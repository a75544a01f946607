import assert from "node:assert/strict";
import { it } from "node:test";

import { GraphBuilder } from "../../../services/engine/graph/graph.ts";
import { shapeClass } from "../../../services/engine/tune/shape-class.ts";
import { workOf } from "../../../services/engine/tune/work.ts";

const initialiser = { kind: "constant", value: 0 } as const;

/** A frozen 1×1 that selects channels, a strided convolution, a linear layer over 5·4·3 features that take 8·4·3 in memory. */
function network(batch: number) {
  const b = new GraphBuilder(batch);
  const x = b.normalise(b.image(3, 8, 6), [0, 0, 0], [1, 1, 1]);
  const selected = b.conv2d(x, b.frozen("select", [3, 3, 1, 1], new Array<number>(9).fill(1)), undefined);
  const y = b.relu(b.conv2d(selected, b.parameter("conv.weight", [5, 3, 3, 3], initialiser), undefined, { stride: 2, padding: 1 }));
  b.linear(b.flatten(y), b.parameter("fc.weight", [10, 5 * 4 * 3], initialiser), undefined);
  return b.graph;
}

const shapes = (batch: number, training: boolean): string[] => workOf(network(batch), { training }).map(({ operation, geometry }) => shapeClass(operation, geometry));

it("lists the forward product and the input's gradient of every layer, in order and in the kernels' sizes", () => {
  assert.deepEqual(shapes(4, false), [
    "forward 1×1 3→3", "grad-input 1×1 3→3",
    "forward 3×3 3→5 /2 +1 on 8×6", "grad-input 3×3 3→5 /2 +1 on 8×6",
    "forward 1×1 96→10", "grad-input 1×1 96→10",
  ]);
});

it("adds the gradients of trained weights for training, and of no others", () => {
  const added = shapes(4, true).filter((shape) => !shapes(4, false).includes(shape));
  assert.deepEqual(added, ["grad-weight 3×3 3→5 /2 +1 on 8×6", "grad-weight 1×1 96→10"]);
});

it("lists a transposed convolution's products under those of the convolution that it transposes", () => {
  const b = new GraphBuilder(2);
  const x = b.conv2d(b.image(3, 4, 4), b.parameter("conv.weight", [5, 3, 1, 1], initialiser), undefined);
  b.convTranspose2d(x, b.parameter("up.weight", [5, 6, 3, 3], initialiser), undefined, { stride: 2, padding: 1, outputPadding: 1 });
  const work = workOf(b.graph, { training: true }).map(({ operation, geometry }) => shapeClass(operation, geometry));
  assert.deepEqual(work.slice(3), ["grad-input 3×3 6→5 /2 +1,1,0,0 on 8×8", "forward 3×3 6→5 /2 +1,1,0,0 on 8×8", "grad-weight 3×3 6→5 /2 +1,1,0,0 on 8×8"]);
});

it("does not depend on the batch", () => assert.deepEqual(shapes(1, true), shapes(64, true)));
