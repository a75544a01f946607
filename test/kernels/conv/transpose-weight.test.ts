import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packConvWeight, pad4 } from "../../../services/engine/graph/layout.ts";
import { convGeometry, type ConvGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { needsTranspose, transposedElements, transposeWeight } from "../../../services/engine/kernels/conv/transpose-weight.ts";
import { transposeWeightReference } from "../../../services/engine/reference/conv/transpose-weight.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { runSteps } from "./suite.ts";

describe("conv/transpose-weight", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const geometry = (c: number, k: number, kh: number, kw: number, groups = 1): ConvGeometry => convGeometry({ n: 1, c, h: 8, w: 8 }, { k, kh, kw, stride: 1, padding: 0, groups });
  const run = (g: ConvGeometry, physical: Float32Array): Promise<Float32Array> =>
    runSteps(gpu, transposedElements(g), (wT, scope) => [transposeWeight(g, uploadF32(scope, "w", physical), wT)]);

  // Blocks of 4×4: one; a prime; one under, at and over a workgroup's 8; many.
  for (const [c, k, kh, kw] of [[1, 1, 1, 1], [3, 5, 1, 1], [4, 28, 1, 1], [5, 13, 1, 1], [35, 3, 1, 1], [17, 70, 3, 2]] as const) {
    it(`matches the reference, padding 0: ${c} → ${k} channels, ${kh}×${kw}`, async () => {
      const g = geometry(c, k, kh, kw);
      const physical = packConvWeight(uniform(c, k * c * kh * kw), k, c, kh, kw);
      const expected = transposeWeightReference(Float64Array.from(physical), { taps: kh * kw, c: pad4(c), k: pad4(k) });
      assert.deepEqual(await run(g, physical), Float32Array.from(expected));
    });
  }

  it("undoes itself, undoes the fold of a large grid, and repeats to the bit", async () => {
    const physical = packConvWeight(uniform(1, 30 * 20 * 9), 30, 20, 3, 3);
    const once = await run(geometry(20, 30, 3, 3), physical);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(geometry(20, 30, 3, 3), physical), once));
    assert.deepEqual(await run(geometry(20, 30, 3, 3), physical), once);
    assert.deepEqual(await run(geometry(30, 20, 3, 3), once), physical);
  });

  it("is not needed, and refused, where there are groups", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(16));
    const grouped = geometry(4, 4, 1, 1, 2);
    assert.deepEqual([needsTranspose(grouped), transposedElements(grouped)], [false, 0]);
    assert.throws(() => transposeWeight(grouped, t, t), { code: "SHAPE_MISMATCH", message: /conv\/transpose-weight: expected one group, got 2/ });
    assert.throws(() => transposeWeight(geometry(4, 8, 1, 1), t, t), { code: "SHAPE_MISMATCH", message: /expected w to hold 32 elements, got 16/ });
    assert.throws(() => transposeWeight(geometry(4, 8, 1, 1), uploadF32(scope, "w", new Float32Array(32)), t), { code: "SHAPE_MISMATCH", message: /expected wT to hold 32 elements, got 16/ });
    scope.dispose();
  });
});
