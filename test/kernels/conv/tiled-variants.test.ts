import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import type { Step } from "../../../services/engine/gpu/kernel.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { type ConvGeometry, inputElements, linearGeometry, outputElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { tiledForward, tiledForwardVariants, tiledGradInput, tiledGradInputVariants, tiledGradWeightVariants, type TiledNeeds, tiledNeeds, type WorkgroupFamily } from "../../../services/engine/kernels/conv/tiled-variants.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { conv, data, guarded, packW, packX, packY, runSteps } from "./suite.ts";

const PLAIN: WorkgroupFamily = { kind: "workgroup" };
const HALF: WorkgroupFamily = { kind: "workgroup", half: true };

const CASES: Readonly<Record<string, ConvGeometry>> = {
  "3×3, 64 → 40 channels": conv(2, 64, 7, 6, 40, 3, 1, 1),
  "3×3 stride 2, 12 → 36 channels": conv(2, 12, 9, 8, 36, 3, 2, 1),
  "1×1, 20 → 8 channels": conv(3, 20, 5, 5, 8, 1),
  "linear 36 → 20": linearGeometry(33, 36, 20),
};

/** Multiples of 1/64 up to 1, which f16 operands keep. */
const coarse = (values: Float64Array): Float64Array => values.map((v) => Math.round(v * 64) / 64);

describe("variants of a GPU's convolutions", () => {
  before(testGpu);
  after(closeTestGpu);

  const test = (family: WorkgroupFamily, body: (gpu: Gpu) => Promise<void>) => async (t: TestContext): Promise<void> => {
    const gpu = await testGpu();
    if (family.half && !gpu.device.features.has("shader-f16")) { t.skip(`${gpu.adapter.description} lacks shader-f16`); return; }
    await body(gpu);
  };

  /** What the variant needs, and the weight as it wants it. */
  const supply = ({ weight, scratch }: TiledNeeds, scope: Scope, w: Tensor): { weight: Tensor; scratch: Tensor[]; steps: Step[] } => {
    const room = scratch.map((elements) => scope.tensor("scratch", [elements]));
    if (!weight) return { weight: w, scratch: room, steps: [] };
    const own = guarded(scope, "own", new Float32Array(weight.elements));
    return { weight: own, scratch: room, steps: weight.prepare(w, own, weight.scratch.map((elements) => scope.tensor("scratch", [elements]))) };
  };

  // Of the tiles with f16 operands two: all load alike, and each takes software adapters seconds to compile.
  const some = (family: WorkgroupFamily, variants: readonly string[]): readonly string[] => (family.half ? variants.filter((name) => /^(32x32|64x64)/.test(name)) : variants);
  for (const [title, g] of Object.entries(CASES)) for (const family of [PLAIN, HALF]) {
    const { x, w, dy } = data(g, 11);
    for (const variant of some(family, tiledForwardVariants(family, g))) {
      it(`forward by ${variant} matches the reference: ${title}`, test(family, async (gpu) => {
        const y = await runSteps(gpu, outputElements(g), (out, scope) => {
          const input = guarded(scope, "x", packX(g, coarse(x)));
          const { weight, scratch, steps } = supply(tiledNeeds(variant, "forward", g), scope, guarded(scope, "w", packW(g, coarse(w))));
          return [...steps, ...tiledForward(family, variant, g, { flags: 0, buffers: [input, weight, input, input, input, out] }, scratch)];
        });
        assertClose(y, packY(g, convolutionReference(coarse(x), coarse(w), g)), TOLERANCE.reduction(g.c * g.kh * g.kw));
      }));
    }
    for (const variant of some(family, tiledGradInputVariants(family, g))) {
      it(`the input's gradient by ${variant} matches the reference, dy in f32: ${title}`, test(family, async (gpu) => {
        const dx = await runSteps(gpu, inputElements(g), (out, scope) => {
          const input = guarded(scope, "dy", packY(g, dy));
          const { weight, scratch, steps } = supply(tiledNeeds(variant, "grad-input", g), scope, guarded(scope, "w", packW(g, coarse(w))));
          return [...steps, ...tiledGradInput(family, variant, g, { flags: 0, buffers: [input, weight, input, input, input, out] }, scratch)];
        });
        assertClose(dx, packX(g, convolutionGradInputReference(dy, coarse(w), g)), TOLERANCE.reduction(g.k * g.kh * g.kw));
      }));
    }
  }

  it("rounds the operands of a forward product to f16 where that was asked for", test(HALF, async (gpu) => {
    const g = linearGeometry(1, 4, 4);
    const third = Float32Array.of(1 / 3, 0, 0, 0);
    const y = await runSteps(gpu, 4, (out, scope) => {
      const input = guarded(scope, "x", third);
      const { weight, scratch, steps } = supply(tiledNeeds("32x32-f16", "forward", g), scope, guarded(scope, "w", Float32Array.of(3, ...new Float32Array(15))));
      return [...steps, ...tiledForward(HALF, "32x32-f16", g, { flags: 0, buffers: [input, weight, input, input, input, out] }, scratch)];
    });
    assert.ok(Math.abs(y[0]! - 1) > 1e-5 && Math.abs(y[0]! - 1) < 2e-3, `${y[0]}`); // an f16 third is off by 2⁻¹³ or 2⁻¹⁴ of itself
  }));

  it("lists the documented default first, and what the user asked for", () => {
    const large = conv(64, 64, 32, 32, 64, 3, 1, 1);
    assert.deepEqual(tiledForwardVariants(PLAIN, large), ["128x64", "32x32", "64x64", "128x128", "winograd"]);
    assert.deepEqual(tiledForwardVariants(HALF, large), ["128x64-f16", "32x32-f16", "64x64-f16", "128x128-f16"]);
    assert.equal(tiledForwardVariants({ ...PLAIN, matrix: { side: 8, operands: "f32" } }, large)[0], "matrix");
    assert.equal(tiledForwardVariants({ ...HALF, matrix: { side: 16, operands: "f16" } }, large)[0], "matrix-f16");
    assert.deepEqual(tiledGradInputVariants({ ...HALF, matrix: { side: 16, operands: "f16" } }, large), ["128x64-f16", "32x32-f16", "64x64-f16", "128x128-f16"]);
    assert.deepEqual(tiledGradWeightVariants(large), ["128x64", "32x32", "64x64"]);
  });

  it("lists the same variants for any batch", () => {
    for (const g of Object.values(CASES)) {
      assert.deepEqual(tiledForwardVariants(PLAIN, g).toSorted(), tiledForwardVariants(PLAIN, { ...g, n: 100 * g.n }).toSorted());
      assert.deepEqual(tiledGradInputVariants(PLAIN, g).toSorted(), tiledGradInputVariants(PLAIN, { ...g, n: 100 * g.n }).toSorted());
    }
  });
});
