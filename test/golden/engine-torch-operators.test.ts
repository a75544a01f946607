import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import { pad, type PadMode, resize, type ResizeOptions } from "../../services/engine/graph/axis-maps.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { GraphBuilder, type Shape, type Value } from "../../services/engine/graph/graph.ts";
import type { ArithmeticFunction } from "../../services/engine/graph/operations/broadcast.ts";
import type { UnaryFunction } from "../../services/engine/graph/operations/elementwise.ts";
import { assertClose } from "../support/close.ts";

interface Golden {
  readonly unary: readonly { fn: UnaryFunction; x: number[]; y: number[]; dx: number[] }[];
  readonly resize: readonly { x: number[]; size: [number, number]; options: ResizeOptions; y: number[] }[];
  readonly pad: readonly { x: number[]; sides: [number, number, number, number]; mode: PadMode; value: number; shape: number[]; y: number[] }[];
  readonly binary: readonly { fn: ArithmeticFunction; a: number[]; b: number[]; y: number[]; da: number[]; db: number[] }[];
  readonly prelu: { x: number[]; slope: number[]; y: number[]; dx: number[]; dslope: number[] };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/goldens/torch-operators.json", import.meta.url), "utf8")) as Golden;
const EXACT = { atol: 1e-12, rtol: 1e-12 };

/** The interpreter's value of what `body` makes of parameters, and the gradients of its sum with respect to them. */
function compute(parameters: readonly { shape: Shape; values: readonly number[] }[], body: (b: GraphBuilder, xs: Value[]) => Value): { y: Float64Array; shape: Shape; gradients: Float64Array[] } {
  const b = new GraphBuilder(1);
  const xs = parameters.map(({ shape }, i) => b.parameter(`x${i}`, shape, { kind: "constant", value: 0 }));
  const y = body(b, xs);
  const of = b.reshape(b.reduce("sum", y, b.shapeOf(y).map((_, axis) => axis), false), [1]);
  const leaves = { parameters: new Map(parameters.map(({ values }, i) => [`x${i}`, Float64Array.from(values)])) };
  const { graph, gradients } = differentiate(b.graph, of, xs.filter((x) => reaches(b, x, of)), 1);
  const values = evaluate(graph, leaves, "eval");
  return { y: values.of(y), shape: b.shapeOf(y), gradients: xs.map((x) => (gradients.has(x) ? values.of(gradients.get(x)!) : new Float64Array(values.of(x).length))) };
}

/** Functions that change in steps pass no gradient. */
function reaches(b: GraphBuilder, x: Value, of: Value): boolean {
  try { differentiate(b.graph, of, [x], 1); return true; } catch { return false; }
}

describe("operators against PyTorch", () => {
  for (const { fn, x, y, dx } of golden.unary) {
    it(`${Object.values(fn).join(" ")}: values and slopes, kinks among them`, () => {
      const ours = compute([{ shape: [x.length], values: x }], (b, [v]) => b.unary(fn, v!));
      assertClose(ours.y, y, EXACT);
      assertClose(ours.gradients[0]!, dx, EXACT);
    });
  }

  for (const { x, size: [h, w], options, y } of golden.resize) {
    it(`resizing 3×5 to ${h}×${w}: ${JSON.stringify(options)}`, () => {
      assertClose(compute([{ shape: [1, 2, 3, 5], values: x }], (b, [v]) => resize(b, resize(b, v!, 2, h, options), 3, w, options)).y, y, EXACT);
    });
  }

  for (const { x, sides: [top, bottom, left, right], mode, value, shape, y } of golden.pad) {
    it(`padding by ${[top, bottom, left, right].join(", ")}: ${mode} ${value}`, () => {
      const ours = compute([{ shape: [1, 2, 3, 5], values: x }], (b, [v]) => pad(b, pad(b, v!, 2, top, bottom, mode, value), 3, left, right, mode, value));
      assert.deepEqual(ours.shape, shape);
      assertClose(ours.y, y, EXACT);
    });
  }

  for (const { fn, a, b, y, da, db } of golden.binary) {
    it(`${fn}: values and gradients, ties among them`, () => {
      const ours = compute([{ shape: [5], values: a }, { shape: [5], values: b }], (builder, [p, q]) => builder.binary(fn, p!, q!));
      assertClose(ours.y, y, EXACT);
      assertClose(ours.gradients[0]!, da, EXACT);
      assertClose(ours.gradients[1]!, db, EXACT);
    });
  }

  it("prelu: values and gradients, at 0 too", () => {
    const { x, slope, y, dx, dslope } = golden.prelu;
    const ours = compute([{ shape: [2, 3], values: x }, { shape: [3], values: slope }], (b, [v, s]) => b.prelu(v!, s!));
    assertClose(ours.y, y, EXACT);
    assertClose(ours.gradients[0]!, dx, EXACT);
    assertClose(ours.gradients[1]!, dslope, EXACT);
  });
});
