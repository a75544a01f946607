import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { ConvGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { winogradWeight, winogradWeightElements } from "../../../services/engine/kernels/conv/winograd-weight.ts";
import { winogradWeightReference } from "../../../services/engine/reference/conv/winograd.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { conv, guarded, runSteps } from "./suite.ts";

describe("conv/winograd-weight", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const filters = (c: number, k: number): ConvGeometry => conv(1, c, 4, 4, k, 3, 1, 1);
  const run = (g: ConvGeometry, w: ArrayLike<number>, adjoint = false): Promise<Float32Array> =>
    runSteps(gpu, winogradWeightElements(g), (u, scope) => [winogradWeight(g, guarded(scope, "w", Float32Array.from(w)), u, { adjoint })]);

  // vec4 of rows × columns: one; a prime count; one under, at and over a workgroup's 64; many.
  for (const [c, k] of [[4, 4], [52, 4], [84, 12], [64, 16], [20, 52], [68, 68]] as const) {
    it(`matches the reference, forwards and for the input's gradient: ${c} → ${k} channels`, async () => {
      const g = filters(c, k);
      const w = uniform(c * k, 9 * c * k);
      const [plain, adjoint] = [new Float64Array(16 * c * k), new Float64Array(16 * c * k)];
      for (let i = 0; i < c; i++) for (let o = 0; o < k; o++) {
        const taps = Array.from({ length: 9 }, (_, t) => w[(t * c + i) * k + o]!);
        winogradWeightReference(taps).forEach((v, e) => { plain[(e * c + i) * k + o] = v; });
        winogradWeightReference(taps.toReversed()).forEach((v, e) => { adjoint[(e * k + o) * c + i] = v; });
      }
      assertClose(await run(g, w), plain, TOLERANCE.elementwise);
      assertClose(await run(g, w, true), adjoint, TOLERANCE.elementwise);
    });
  }

  it("turns a filter that is 1 at its centre into the transform of a copy", async () => {
    const centre = new Float64Array(9 * 16).map((_, i) => Number(i >= 64 && i < 80));
    const side = [0, 0.5, -0.5, 0]; // G (0, 1, 0)ᵀ; + 0 below makes −0 the 0 that a sum is
    assert.deepEqual(await run(filters(4, 4), centre), Float32Array.from(side.flatMap((a) => side.flatMap((b) => Array<number>(16).fill(a * b + 0)))));
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const g = filters(40, 20);
    const w = uniform(1, 9 * 40 * 20);
    const once = await run(g, w);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(g, w), once));
    assert.deepEqual(await run(g, w), once);
  });

  it("refuses tensors that are too small by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(144));
    assert.throws(() => winogradWeight(filters(8, 4), t, t, { adjoint: false }), { code: "SHAPE_MISMATCH", message: /conv\/winograd-weight: expected w to hold 288 elements/ });
    assert.throws(() => winogradWeight(filters(4, 4), t, t, { adjoint: false }), { code: "SHAPE_MISMATCH", message: /expected u to hold 256 elements/ });
    scope.dispose();
  });
});
