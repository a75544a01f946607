import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { convGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../../../services/engine/reference/conv/convolution-grad-weight.ts";
import { uniform } from "../../support/random.ts";

// The twins are the truth of every other test here, so they are held against sums done by hand and against differences.
describe("convolution twins", () => {
  const range = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i);

  it("do not flip the filter (cross-correlation, as in PyTorch)", () => {
    const g = convGeometry({ n: 1, c: 1, h: 3, w: 3 }, { k: 1, kh: 2, kw: 2, stride: 1, padding: 0, groups: 1 });
    assert.deepEqual([...convolutionReference(range(9), Float64Array.of(1, 2, 3, 4), g)], [27, 37, 57, 67]);
  });

  it("pad with zeros and step by the stride", () => {
    const g = convGeometry({ n: 1, c: 1, h: 3, w: 3 }, { k: 1, kh: 3, kw: 3, stride: 2, padding: 1, groups: 1 });
    assert.deepEqual([...convolutionReference(range(9), new Float64Array(9).fill(1), g)], [0 + 1 + 3 + 4, 1 + 2 + 4 + 5, 3 + 4 + 6 + 7, 4 + 5 + 7 + 8]);
  });

  it("let a group see only its own channels", () => {
    const g = convGeometry({ n: 1, c: 4, h: 1, w: 1 }, { k: 2, kh: 1, kw: 1, stride: 1, padding: 0, groups: 2 });
    assert.deepEqual([...convolutionReference(Float64Array.of(1, 10, 100, 1000), Float64Array.of(1, 2, 3, 4), g)], [21, 4300]);
  });

  it("take taps a dilation apart, and padding and stride of each direction for itself", () => {
    const g = convGeometry({ n: 1, c: 1, h: 3, w: 3 }, { k: 1, kh: 2, kw: 2, stride: [2, 1], padding: [1, 0, 0, 0], dilation: [1, 2], groups: 1 });
    assert.deepEqual([...convolutionReference(range(9), Float64Array.of(1, 2, 3, 4), g)], [0 * 3 + 2 * 4, 3 + 5 * 2 + 6 * 3 + 8 * 4]);
  });

  for (const filter of [{ stride: 2, padding: 1 }, { stride: [1, 2], padding: [0, 2, -1, 1], dilation: [2, 1] }] as const) it(`have the gradients that central differences find: ${JSON.stringify(filter)}`, () => {
    const g = convGeometry({ n: 2, c: 4, h: 6, w: 4 }, { k: 6, kh: 3, kw: 2, ...filter, groups: 2 });
    const x = uniform(1, 2 * 4 * 6 * 4);
    const w = uniform(2, 6 * 2 * 3 * 2);
    const dy = uniform(3, 2 * 6 * g.oh * g.ow);
    const loss = (): number => convolutionReference(x, w, g).reduce((sum, v, i) => sum + v * dy[i]!, 0);
    const slope = (values: Float64Array, i: number): number => {
      const kept = values[i]!;
      values[i] = kept + 0.5;
      const above = loss();
      values[i] = kept - 0.5;
      const below = loss();
      values[i] = kept;
      return above - below; // exact up to rounding: the loss is linear in each value
    };
    const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} vs ${b}`);
    convolutionGradInputReference(dy, w, g).forEach((v, i) => near(v, slope(x, i)));
    convolutionGradWeightReference(x, dy, g).forEach((v, i) => near(v, slope(w, i)));
  });
});
