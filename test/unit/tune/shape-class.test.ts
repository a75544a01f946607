import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { convGeometry, type ConvGeometry, linearGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import type { Pair, Sides } from "../../../services/engine/kernels/window.ts";
import { shapeClass } from "../../../services/engine/tune/shape-class.ts";

interface Layer { n: number; c: number; h: number; w: number; k: number; kh: number; kw: number; stride: number | Pair; padding: number | Sides; dilation: number | Pair; groups: number }
const base: Layer = { n: 2, c: 64, h: 8, w: 6, k: 128, kh: 3, kw: 3, stride: 1, padding: 1, dilation: 1, groups: 1 };
const geometry = (change: Partial<Layer> = {}): ConvGeometry => {
  const all = { ...base, ...change };
  return convGeometry(all, all);
};

describe("the shape class", () => {
  it("reads like the layer", () => {
    assert.equal(shapeClass("forward", geometry({ stride: 2 })), "forward 3×3 64→128 /2 +1 on 8×6");
    assert.equal(shapeClass("grad-weight", geometry({ kh: 5, padding: 0, groups: 4 })), "grad-weight 5×3 64→128 in 4 groups on 8×6");
    assert.equal(shapeClass("grad-input", linearGeometry(7, 512, 10)), "grad-input 1×1 512→10");
    assert.equal(shapeClass("forward", geometry({ stride: [2, 1], padding: [0, 1, 0, 1], dilation: 2 })), "forward 3×3 64→128 /2×1 +0,1,0,1 every 2 on 8×6");
  });

  it("is the same for every batch", () => {
    for (const change of [{}, { stride: 2 }, { kh: 1, kw: 1, padding: 0 }]) {
      assert.equal(shapeClass("forward", geometry({ ...change, n: 1 })), shapeClass("forward", geometry({ ...change, n: 64 })));
    }
    assert.equal(shapeClass("forward", linearGeometry(1, 512, 10)), shapeClass("forward", linearGeometry(600, 512, 10)));
  });

  it("knows no pixels of a pointwise operation: they are its batch", () => {
    const pointwise = { kh: 1, kw: 1, padding: 0 };
    assert.equal(shapeClass("forward", geometry({ ...pointwise, h: 3 })), shapeClass("forward", geometry(pointwise)));
    assert.notEqual(shapeClass("forward", geometry({ ...pointwise, h: 3, stride: 2 })), shapeClass("forward", geometry({ ...pointwise, stride: 2 })));
  });

  it("differs with the operation and with everything else of the geometry", () => {
    const changes: Partial<Layer>[] = [{}, { c: 32 }, { k: 64 }, { h: 9 }, { w: 7 }, { kh: 1 }, { kw: 1 }, { stride: 2 }, { padding: 0 }, { groups: 2 }, { stride: [2, 1] }, { stride: [1, 2] }, { padding: [1, 0, 1, 1] }, { padding: [1, 1, 1, 0] }, { dilation: 2 }, { dilation: [1, 2] }];
    const classes = changes.flatMap((change) => (["forward", "grad-input", "grad-weight"] as const).map((operation) => shapeClass(operation, geometry(change))));
    assert.equal(new Set(classes).size, classes.length);
  });
});
