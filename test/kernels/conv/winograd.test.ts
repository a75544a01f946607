import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import type { Step } from "../../../services/engine/gpu/kernel.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { packVector } from "../../../services/engine/graph/layout.ts";
import { bindEpilogue, type Epilogue } from "../../../services/engine/kernels/conv/epilogue.ts";
import { type ConvGeometry, outputElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { forwardPass } from "../../../services/engine/kernels/conv/implicit-gemm.ts";
import { implicitGemmTiled } from "../../../services/engine/kernels/conv/implicit-gemm-tiled.ts";
import { isWinograd, mirrored, winograd, winogradScratchElements } from "../../../services/engine/kernels/conv/winograd.ts";
import { winogradWeight, winogradWeightElements } from "../../../services/engine/kernels/conv/winograd-weight.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { assertClose, relativeL2, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { assertPhysical, conv, data, guarded, packW, packX, packY, runSteps } from "./suite.ts";

const CASES: Readonly<Record<string, ConvGeometry>> = {
  "3×3 same, even sides": conv(2, 32, 8, 6, 36, 3, 1, 1),
  "3×3 same, odd sides": conv(3, 33, 7, 5, 34, 3, 1, 1),
  "no padding": conv(1, 32, 9, 6, 32, 3),
  "padding 2": conv(1, 40, 4, 5, 32, 3, 1, 2),
  "one output pixel": conv(1, 32, 3, 3, 32, 3),
  "64 → 64 channels": conv(1, 64, 8, 8, 64, 3, 1, 1),
};

interface Options { readonly most?: number; readonly epilogue?: (scope: Scope) => Epilogue }

describe("Winograd F(2×2, 3×3)", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** A convolution by `g` of the physical x with the weight that `prepare` writes to u. */
  const run = (g: ConvGeometry, x: Float32Array, prepare: (u: Tensor, scope: Scope) => readonly Step[], { most, epilogue = () => ({}) }: Options = {}): Promise<Float32Array> => runSteps(gpu, outputElements(g), (y, scope) => {
    const input = guarded(scope, "x", x);
    const u = scope.tensor("u", [winogradWeightElements(g)]);
    const [v, p] = winogradScratchElements(g, most).map((elements) => scope.tensor("scratch", [elements])) as [Tensor, Tensor];
    const { flags, buffers } = bindEpilogue("test", epilogue(scope), g.k, outputElements(g), input);
    return [...prepare(u, scope), ...winograd(g, { flags, buffers: [input, u, ...buffers, y] }, [v, p], most)];
  });
  const forward = (g: ConvGeometry, x: Float64Array, w: Float64Array, options?: Options): Promise<Float32Array> =>
    run(g, packX(g, x), (u, scope) => [winogradWeight(g, guarded(scope, "w", packW(g, w)), u, { adjoint: false })], options);
  const gradInput = (g: ConvGeometry, dy: Float64Array, w: Float64Array): Promise<Float32Array> =>
    run(mirrored(g), packY(g, dy), (u, scope) => [winogradWeight(g, guarded(scope, "w", packW(g, w)), u, { adjoint: true })]);

  Object.entries(CASES).forEach(([title, g], i) => {
    const { x, w, dy, bias, likeX, likeY: [residual, mask] } = data(g, 100 * i);
    it(`matches the reference: ${title}`, async () => {
      assert.ok(isWinograd(g));
      assertPhysical(await forward(g, x, w), packY(g, convolutionReference(x, w, g)), packY(g, mask.map(() => 1)), g.c * 9);
    });
    it(`matches the reference of the input's gradient: ${title}`, async () => {
      assert.ok(isWinograd(mirrored(g)));
      assertPhysical(await gradInput(g, dy, w), packX(g, convolutionGradInputReference(dy, w, g)), packX(g, likeX[0].map(() => 1)), g.k * 9);
    });
    it(`adds bias and residual, then rectifies, then masks: ${title}`, async () => {
      const y = await forward(g, x, w, { epilogue: (scope) => ({ bias: uploadF32(scope, "bias", packVector(bias)), residual: uploadF32(scope, "residual", packY(g, residual)), mask: uploadF32(scope, "mask", packY(g, mask)), relu: true }) });
      const expected = convolutionReference(x, w, g).map((v, j) => (mask[j]! > 0 ? Math.max(0, v + bias[Math.floor(j / (g.oh * g.ow)) % g.k]! + residual[j]!) : 0));
      assertClose(y, packY(g, expected), TOLERANCE.reduction(g.c * 9));
    });
  });

  it("is as accurate as the direct form", async () => {
    const g = conv(1, 128, 8, 8, 64, 3, 1, 1);
    const { x, w } = data(g, 1);
    const exact = packY(g, convolutionReference(x, w, g));
    const direct = await runSteps(gpu, outputElements(g), (y, scope) => {
      const [a, b] = [guarded(scope, "x", packX(g, x)), guarded(scope, "w", packW(g, w))];
      return [implicitGemmTiled(forwardPass(g), { flags: 0, buffers: [a, b, a, a, a, y] })];
    });
    const [error, directError] = [relativeL2(await forward(g, x, w), exact), relativeL2(direct, exact)];
    assert.ok(error < 1e-6 && error < 1.5 * directError, `relative L2 error ${error}, direct ${directError}`);
  });

  it("gives the same bits whatever the scratch, in a folded grid, and again", async () => {
    const g = conv(3, 32, 7, 6, 36, 3, 1, 1);
    const { x, w } = data(g, 2);
    const once = await forward(g, x, w);
    assert.deepEqual(await forward(g, x, w, { most: 16 * 68 * 5 }), once); // 8 slices, which begin and end inside images
    assert.deepEqual(await forward(g, x, w, { most: 1 }), once);           // a tile at a time
    await withGridLimit(gpu, 2, async () => assert.deepEqual(await forward(g, x, w), once));
    assert.deepEqual(await forward(g, x, w), once);
  });

  it("gives an image the same bits alone and in a batch, whatever lies beside it", async () => {
    const one = conv(1, 32, 7, 6, 32, 3, 1, 1);
    const alone = uniform(3, 32 * 42);
    const batch = new Float64Array(5 * alone.length).fill(Infinity);
    batch.set(alone, 2 * alone.length);
    const { w } = data(one, 4);
    const single = await forward(one, alone, w);
    assert.deepEqual((await forward({ ...one, n: 5 }, batch, w)).slice(2 * single.length, 3 * single.length), single);
  });

  it("keeps its scratch within what it is allowed", () => {
    for (const g of [conv(64, 64, 32, 32, 64, 3, 1, 1), conv(1, 64, 224, 224, 64, 3, 1, 1), conv(64, 512, 4, 4, 512, 3, 1, 1)]) {
      const [v, p] = winogradScratchElements(g);
      assert.ok(v + p <= 8 * 2 ** 20, `${v} + ${p}`);
    }
  });

  it("is for 3×3 filters of stride 1, one group and enough channels", () => {
    assert.deepEqual([conv(1, 32, 8, 8, 32, 5, 1, 2), conv(1, 32, 8, 8, 32, 3, 2, 1), conv(1, 64, 8, 8, 64, 3, 1, 1, 2), conv(1, 31, 8, 8, 32, 3, 1, 1), mirrored(conv(1, 32, 8, 8, 32, 3, 1, 3))].map(isWinograd), [false, false, false, false, false]);
  });

  it("refuses tensors that are too small by name", () => {
    const scope = gpu.scope("test");
    const g = conv(1, 32, 4, 4, 32, 3, 1, 1);
    const t = (elements: number): Tensor => scope.tensor("t", [elements]);
    const [u, v, p] = [winogradWeightElements(g), ...winogradScratchElements(g)].map(t) as [Tensor, Tensor, Tensor];
    const call = (weight: Tensor, scratch: readonly [Tensor, Tensor]) => () => winograd(g, { flags: 0, buffers: [t(512), weight, u, u, u, t(512)] }, scratch);
    assert.throws(call(t(4), [v, p]), { code: "SHAPE_MISMATCH", message: /winograd: expected u to hold 16384 elements/ });
    assert.throws(call(u, [t(4), p]), { code: "SHAPE_MISMATCH", message: /winograd: expected scratch v to hold/ });
    assert.throws(call(u, [v, t(4)]), { code: "SHAPE_MISMATCH", message: /winograd: expected scratch p to hold/ });
    scope.dispose();
  });
});
