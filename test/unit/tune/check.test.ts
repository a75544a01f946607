import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { packActivation, packConvWeight } from "../../../services/engine/graph/layout.ts";
import { convGeometry, type ConvGeometry, linearGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../../../services/engine/reference/conv/convolution-grad-weight.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { disagreement, type HostTensors, tolerance } from "../../../services/engine/tune/check.ts";
import { TOLERANCE } from "../../support/close.ts";
import { uniform } from "../../support/random.ts";

const conv = (n: number, c: number, size: number, k: number, window: number, stride = 1, padding = 0, groups = 1): ConvGeometry =>
  convGeometry({ n, c, h: size, w: size + 1 }, { k, kh: window, kw: window, stride, padding, groups });

const CASES: Readonly<Record<string, ConvGeometry>> = {
  "3×3 of a few images": conv(3, 5, 6, 9, 3, 1, 1),
  "4×4, strided, more channels than are checked": conv(2, 4, 9, 22, 4, 2, 1),
  "1×1 over more pixels than are checked": conv(3, 6, 30, 10, 1),
  "linear": linearGeometry(2000, 12, 7),
  "grouped": conv(2, 6, 5, 4, 3, 1, 1, 2),
};

/** What a right device would leave: for each operation its operands and, in the third, the twin's result. */
function rightTensors(g: ConvGeometry): Readonly<Record<"forward" | "grad-input" | "grad-weight", HostTensors>> {
  const cg = g.c / g.groups;
  const [x, w, dy] = [uniform(1, g.n * g.c * g.h * g.w), uniform(2, g.k * cg * g.kh * g.kw), uniform(3, g.n * g.k * g.oh * g.ow)];
  const pack = (a: Float64Array, b: Float64Array, c: Float64Array): HostTensors => ({
    x: packActivation(a, [g.n, g.c, g.h, g.w]), w: packConvWeight(b, g.k, cg, g.kh, g.kw, g.groups), y: packActivation(c, [g.n, g.k, g.oh, g.ow]),
  });
  return {
    forward: pack(x, w, convolutionReference(x, w, g)),
    "grad-input": pack(convolutionGradInputReference(dy, w, g), w, dy),
    "grad-weight": pack(x, convolutionGradWeightReference(x, dy, g), dy),
  };
}
const RESULTS = { forward: "y", "grad-input": "x", "grad-weight": "w" } as const;
const OPERATIONS = ["forward", "grad-input", "grad-weight"] as const;

describe("the check of a result", () => {
  it("has the law of the kernel tests", () => assert.deepEqual([1, 2, 576].map(tolerance), [1, 2, 576].map(TOLERANCE.reduction)));

  for (const [title, g] of Object.entries(CASES)) {
    const right = rightTensors(g);
    it(`accepts what is right: ${title}`, () => {
      for (const operation of OPERATIONS) assert.equal(disagreement({ operation, geometry: g }, right[operation]), undefined, operation);
    });

    it(`sees nothing written, a wrong last image, channel or tap, a NaN: ${title}`, () => {
      const wrongs: Readonly<Record<string, (values: Float32Array, lanes: number) => Float32Array>> = {
        "all zero": (values) => values.map(() => 0),
        "the last pixel or row": (values, lanes) => values.map((v, i) => (i >= values.length - lanes ? v + 0.01 : v)),
        "the last channel": (values, lanes) => values.map((v, i) => (i % lanes === lanes - 1 ? v + 0.01 : v)),
        "no number": (values) => values.map(() => NaN),
        "too coarse": (values) => values.map((v) => v * 1.01),
      };
      for (const operation of OPERATIONS) for (const [what, spoil] of Object.entries(wrongs)) {
        if (g.groups > 1 && what === "the last channel") continue; // that is padding, which is not checked in groups
        const result = RESULTS[operation];
        const lanes = Math.ceil((operation === "grad-input" ? g.c : g.k) / 4) * 4;
        const message = disagreement({ operation, geometry: g }, { ...right[operation], [result]: spoil(right[operation][result], lanes) });
        assert.match(message ?? `${operation}: ${what} looked right`, /^\d+ of \d+ values differ from the reference, such as /);
      }
    });
  }
});
