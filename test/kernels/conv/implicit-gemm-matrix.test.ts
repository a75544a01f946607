import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { Gpu, MatrixUnit, Scope } from "../../../services/engine/gpu/device.ts";
import type { KernelSpec } from "../../../services/engine/gpu/kernel.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { packVector } from "../../../services/engine/graph/layout.ts";
import { bindEpilogue, type Epilogue } from "../../../services/engine/kernels/conv/epilogue.ts";
import { type ConvGeometry, inputElements, linearGeometry, outputElements, weightElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { forwardPass, gradInputPasses } from "../../../services/engine/kernels/conv/implicit-gemm.ts";
import { implicitGemmMatrix, matrixSpec } from "../../../services/engine/kernels/conv/implicit-gemm-matrix.ts";
import { halfElements, toHalf } from "../../../services/engine/kernels/conv/to-half.ts";
import { transposedElements, transposeWeight } from "../../../services/engine/kernels/conv/transpose-weight.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { conv, data, DENSE, guarded, packW, packX, packY, runSteps } from "./suite.ts";

const CASES: Readonly<Record<string, ConvGeometry>> = {
  ...DENSE,
  "linear 63 × 12 → 60": linearGeometry(63, 12, 60),
  "linear 64 × 16 → 64": linearGeometry(64, 16, 64),
  "linear 65 × 36 → 68": linearGeometry(65, 36, 68),
  "linear 130 × 64 → 132": linearGeometry(130, 64, 132),
  "3×3 stride 2, 64 → 64 channels": conv(2, 64, 9, 10, 64, 3, 2, 1),
};

/** Multiples of 1/64 up to 1: an f16 holds them, and f32 holds every sum of their products, so any order gives the same bits. */
const coarse = (values: Float64Array): Float64Array => values.map((v) => Math.round(v * 64) / 64);

/** A kernel, the operands that it takes, and the device. */
interface Kernel { readonly gpu: Gpu; readonly unit: MatrixUnit; readonly spec: KernelSpec }

/** An operand as the unit takes it, and the step that makes it so. */
function operand(scope: Scope, { operands }: MatrixUnit, tensor: Tensor, n: number): { tensor: Tensor; steps: ReturnType<typeof toHalf>[] } {
  if (operands === "f32") return { tensor, steps: [] };
  const half = guarded(scope, "half", new Float32Array(halfElements(n)));
  return { tensor: half, steps: [toHalf(tensor, half, n)] };
}

function forward({ gpu, unit, spec }: Kernel, g: ConvGeometry, x: Float64Array, w: Float64Array, epilogue: (scope: Scope) => Epilogue = () => ({})): Promise<Float32Array> {
  return runSteps(gpu, outputElements(g), (y, scope) => {
    const a = operand(scope, unit, guarded(scope, "x", packX(g, x)), inputElements(g));
    const b = operand(scope, unit, guarded(scope, "w", packW(g, w)), weightElements(g));
    const { flags, buffers } = bindEpilogue("test", epilogue(scope), g.k, outputElements(g), a.tensor);
    return [...a.steps, ...b.steps, implicitGemmMatrix(spec, forwardPass(g), { flags, buffers: [a.tensor, b.tensor, ...buffers, y] })];
  });
}

function gradInput({ gpu, unit, spec }: Kernel, g: ConvGeometry, dy: Float64Array, w: Float64Array): Promise<Float32Array> {
  return runSteps(gpu, inputElements(g), (dx, scope) => {
    const wT = scope.tensor("wT", [transposedElements(g)]);
    const a = operand(scope, unit, guarded(scope, "dy", packY(g, dy)), outputElements(g));
    const b = operand(scope, unit, wT, transposedElements(g));
    const unused = a.tensor;
    return [transposeWeight(g, guarded(scope, "w", packW(g, w)), wT), ...a.steps, ...b.steps,
      ...gradInputPasses(g).map((pass) => implicitGemmMatrix(spec, pass, { flags: 0, buffers: [a.tensor, b.tensor, unused, unused, unused, dx] }))];
  });
}

async function matchesForward(kernel: Kernel, g: ConvGeometry, seed: number): Promise<void> {
  const { x, w } = data(g, seed);
  assert.deepEqual(await forward(kernel, g, coarse(x), coarse(w)), packY(g, convolutionReference(coarse(x), coarse(w), g)));
}

async function matchesGradInput(kernel: Kernel, g: ConvGeometry): Promise<void> {
  const { dy, w } = data(g, 5);
  assert.deepEqual(await gradInput(kernel, g, coarse(dy), coarse(w)), packX(g, convolutionGradInputReference(coarse(dy), coarse(w), g)));
}

const STRIDED = ["3×3 stride 2, with pixels left over", "1×1 stride 2, leaving residue classes without taps", "3×3 stride 2, 64 → 64 channels"];

/** Few adapters have matrix units, so the kernel around them is tested with products by hand. */
const UNITS: readonly MatrixUnit[] = [{ side: 8, operands: "f32" }, { side: 8, operands: "f16" }, { side: 16, operands: "f16" }];

describe("conv/implicit-gemm-matrix", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const unit of UNITS) describe(`${unit.side}×${unit.side} of ${unit.operands}, by hand`, () => {
    const test = (body: (kernel: Kernel) => Promise<void>) => async (t: TestContext): Promise<void> => {
      if (unit.operands === "f16" && !gpu.device.features.has("shader-f16")) { t.skip(`${gpu.adapter.description} lacks shader-f16`); return; }
      await body({ gpu, unit, spec: matrixSpec(unit, "../test/kernels/conv/matrix-by-hand") });
    };
    Object.entries(CASES).forEach(([title, g], i) => it(`matches the reference to the bit: ${title}`, test((kernel) => matchesForward(kernel, g, 100 * i))));
    for (const title of STRIDED) it(`matches the reference of the input's gradient to the bit: ${title}`, test((kernel) => matchesGradInput(kernel, CASES[title]!)));

    it("adds bias and residual, then rectifies, then masks", test(async (kernel) => {
      const g = CASES["3×3 stride 2, 64 → 64 channels"]!;
      const { x, w, bias, likeY: [residual, mask] } = data(g, 6);
      const y = await forward(kernel, g, coarse(x), coarse(w), (scope) => ({ bias: uploadF32(scope, "bias", packVector(coarse(bias))), residual: uploadF32(scope, "residual", packY(g, coarse(residual))), mask: uploadF32(scope, "mask", packY(g, mask)), relu: true }));
      const expected = convolutionReference(coarse(x), coarse(w), g).map((v, j) => (mask[j]! > 0 ? Math.max(0, v + coarse(bias)[Math.floor(j / (g.oh * g.ow)) % g.k]! + coarse(residual)[j]!) : 0));
      assert.deepEqual(y, packY(g, expected));
    }));

    it("gives an image the same bits alone and in a batch, in a folded grid, and again", test(async (kernel) => {
      const one = conv(1, 20, 9, 8, 36, 3, 1, 1);
      const alone = uniform(3, 20 * 72);
      const batch = new Float64Array(5 * alone.length).fill(1e30); // an infinity in f32 units, the largest number in f16
      batch.set(alone, 2 * alone.length);
      const { w } = data(one, 4);
      const single = await forward(kernel, one, alone, w);
      assert.deepEqual((await forward(kernel, { ...one, n: 5 }, batch, w)).slice(2 * single.length, 3 * single.length), single);
      await withGridLimit(kernel.gpu, 1, async () => assert.deepEqual(await forward(kernel, one, alone, w), single));
      assert.deepEqual(await forward(kernel, one, alone, w), single);
    }));
  });

  it("matches the reference to the bit by the adapter's own units", async (t) => {
    const { family, adapter } = gpu;
    if (family.kind !== "workgroup" || !family.matrix) { t.skip(`${adapter.description} has no matrix units, or LORENZ_SUBGROUP_MATRIX=1 was not set`); return; }
    const kernel = { gpu, unit: family.matrix, spec: matrixSpec(family.matrix) };
    for (const g of Object.values(CASES)) await matchesForward(kernel, g, 1);
    for (const title of STRIDED) await matchesGradInput(kernel, CASES[title]!);
  });
});
