import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packConvWeight, pad4 } from "../../../services/engine/graph/layout.ts";
import { columnWeight } from "../../../services/engine/kernels/conv/column-weight.ts";
import { columnPitch, convGeometry, type ConvGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { needsTranspose, transposedElements, transposeWeight } from "../../../services/engine/kernels/conv/transpose-weight.ts";
import { columnWeightReference } from "../../../services/engine/reference/conv/column-weight.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { guarded, runSteps } from "./suite.ts";

describe("conv/column-weight", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const geometry = (c: number, k: number, kh: number, kw: number, groups = 1): ConvGeometry => convGeometry({ n: 1, c, h: 8, w: 8 }, { k, kh, kw, stride: 1, padding: 0, groups });
  const pack = (g: ConvGeometry): Float32Array => packConvWeight(uniform(g.c, g.k * g.c * g.kh * g.kw), g.k, g.c, g.kh, g.kw);
  const run = (g: ConvGeometry): Promise<Float32Array> => runSteps(gpu, pad4(g.k) * columnPitch(g), (wT, scope) => [columnWeight(g, guarded(scope, "w", pack(g)), wT)]);

  // vec4 of the result: 4, 28, 8 and one under and over it, many. Every count of channels; columns left over and not.
  for (const [c, k, kh, kw] of [[1, 1, 1, 1], [1, 27, 2, 2], [2, 3, 2, 2], [3, 8, 1, 1], [4, 12, 1, 1], [1, 13, 3, 3], [2, 70, 5, 3], [3, 64, 3, 3], [4, 50, 4, 3]] as const) {
    it(`matches the reference, padding 0: ${c} → ${k} channels, ${kh}×${kw}`, async () => {
      const g = geometry(c, k, kh, kw);
      const expected = columnWeightReference(Float64Array.from(pack(g)), { taps: kh * kw, rows: 4, c, k: pad4(k), columns: columnPitch(g) });
      assert.deepEqual(await run(g), Float32Array.from(expected));
    });
  }

  it("holds each weight once, undoes the fold of a large grid, and repeats to the bit", async () => {
    const g = geometry(3, 30, 3, 3);
    const once = await run(g);
    assert.deepEqual(once.filter((v) => v !== 0).sort(), pack(g).filter((v) => v !== 0).sort());
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(g), once));
    assert.deepEqual(await run(g), once);
  });

  it("is what transposeWeight makes where the gradient goes by columns", () => {
    const scope = gpu.scope("test");
    const g = geometry(3, 64, 3, 3);
    const [w, wT] = [scope.tensor("w", [9 * 4 * 64]), scope.tensor("wT", [64 * 28])];
    assert.deepEqual([needsTranspose(g), transposedElements(g)], [true, 64 * 28]);
    assert.deepEqual(transposeWeight(g, w, wT), columnWeight(g, w, wT));
    assert.equal(transposedElements(geometry(3, 24, 3, 3)), 9 * 4 * 24); // 28 columns would outgrow 24 channels
    scope.dispose();
  });

  it("refuses groups, more channels than four, and tensors that are too small, by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(16));
    assert.throws(() => columnWeight(geometry(4, 4, 1, 1, 2), t, t), { code: "SHAPE_MISMATCH", message: /conv\/column-weight: expected one group of at most 4 channels, got 2 of 2/ });
    assert.throws(() => columnWeight(geometry(5, 4, 1, 1), t, t), { code: "SHAPE_MISMATCH", message: /expected one group of at most 4 channels, got 1 of 5/ });
    assert.throws(() => columnWeight(geometry(1, 4, 2, 1), t, t), { code: "SHAPE_MISMATCH", message: /expected w to hold 32 elements, got 16/ });
    assert.throws(() => columnWeight(geometry(4, 4, 1, 2), uploadF32(scope, "w", new Float32Array(32)), t), { code: "SHAPE_MISMATCH", message: /expected wT to hold 32 elements, got 16/ });
    scope.dispose();
  });
});
