import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { pad4 } from "../../../services/engine/graph/layout.ts";
import { type ConvGeometry, inputElements, linearGeometry, outputElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { forwardPass, gradInputPasses } from "../../../services/engine/kernels/conv/implicit-gemm.ts";
import { defaultTile, GEMM_TILES, type GemmTile, implicitGemmTiled } from "../../../services/engine/kernels/conv/implicit-gemm-tiled.ts";
import { transposedElements, transposeWeight } from "../../../services/engine/kernels/conv/transpose-weight.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { assertPhysical, conv, data, DENSE, describeForward, describeGradInput, guarded, packW, packX, packY, runSteps, TILED } from "./suite.ts";

const variant = { name: "conv/implicit-gemm-tiled", family: TILED, cases: DENSE };
describeForward(variant);
describeGradInput(variant);

// Beside the shapes of every variant: one under, at and over the sides of the tiles, with a reduction that fills slabs or not.
const CASES: Readonly<Record<string, ConvGeometry>> = {
  ...DENSE,
  "linear 31 × 4 → 36": linearGeometry(31, 4, 36),
  "linear 33 × 12 → 32": linearGeometry(33, 12, 32),
  "linear 64 × 16 → 64": linearGeometry(64, 16, 64),
  "linear 65 × 20 → 68": linearGeometry(65, 20, 68),
  "linear 127 × 64 → 124": linearGeometry(127, 64, 124),
  "linear 128 × 8 → 128": linearGeometry(128, 8, 128),
  "linear 257 × 36 → 132": linearGeometry(257, 36, 132),
  "3×3 stride 2, 64 → 64 channels": conv(2, 64, 9, 10, 64, 3, 2, 1),
  "3×3, 64 → 10 channels": conv(1, 64, 6, 7, 10, 3, 1, 1),
};

describe("conv/implicit-gemm-tiled, every tile", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const forward = (tile: GemmTile, g: ConvGeometry, x: Float64Array, w: Float64Array): Promise<Float32Array> => runSteps(gpu, outputElements(g), (y, scope) => {
    const [a, b] = [guarded(scope, "x", packX(g, x)), guarded(scope, "w", packW(g, w))];
    return [implicitGemmTiled(forwardPass(g), { flags: 0, buffers: [a, b, a, a, a, y] }, { tile })];
  });
  const gradInput = (tile: GemmTile, g: ConvGeometry, dy: Float64Array, w: Float64Array): Promise<Float32Array> => runSteps(gpu, inputElements(g), (dx, scope) => {
    const [a, b, wT] = [guarded(scope, "dy", packY(g, dy)), guarded(scope, "w", packW(g, w)), scope.tensor("wT", [transposedElements(g)])];
    return [transposeWeight(g, b, wT), ...gradInputPasses(g).map((pass) => implicitGemmTiled(pass, { flags: 0, buffers: [a, wT, a, a, a, dx] }, { tile }))];
  });

  Object.entries(CASES).forEach(([title, g], i) => {
    it(`matches the reference with the same bits: ${title}`, async () => {
      const { x, w } = data(g, 100 * i);
      const [first, ...others] = await inTurn(GEMM_TILES, (tile) => forward(tile, g, x, w));
      assertPhysical(first!, packY(g, convolutionReference(x, w, g)), packY(g, new Float64Array(g.n * g.k * g.oh * g.ow).fill(1)), g.c * g.kh * g.kw);
      for (const other of others) assert.deepEqual(other, first);
    });
  });

  for (const title of ["3×3 stride 2, with pixels left over", "7×7 stride 2 padding 3", "1×1 stride 2, leaving residue classes without taps", "3×3 stride 2, 64 → 64 channels"]) {
    it(`matches the reference of the input's gradient with the same bits: ${title}`, async () => {
      const g = CASES[title]!;
      const { dy, w } = data(g, 5);
      const [first, ...others] = await inTurn(GEMM_TILES, (tile) => gradInput(tile, g, dy, w));
      assertPhysical(first!, packX(g, convolutionGradInputReference(dy, w, g)), packX(g, new Float64Array(g.n * g.c * g.h * g.w).fill(1)), g.k * g.kh * g.kw);
      for (const other of others) assert.deepEqual(other, first);
    });
  }

  it("computes a batch of products in one launch, each as if alone", async () => {
    const g = linearGeometry(37, 20, 44);
    const each = [1, 2, 3].map((seed) => data(g, 10 * seed));
    const joined = (parts: Float32Array[]): Float32Array => Float32Array.from(parts.flatMap((part) => [...part]));
    const [x, w] = [joined(each.map((d) => packX(g, d.x))), joined(each.map((d) => packW(g, d.w)))];
    const product = (tile: GemmTile): Promise<Float32Array> => runSteps(gpu, 3 * outputElements(g), (y, scope) => {
      const [a, b]: Tensor[] = [guarded(scope, "x", x), guarded(scope, "w", w)];
      return [implicitGemmTiled(forwardPass(g), { flags: 0, buffers: [a!, b!, a!, a!, a!, y] }, { tile, batches: 3 })];
    });
    const alone = joined(await inTurn(each, (d) => forward("32x32", g, d.x, d.w)));
    for (const tile of GEMM_TILES) assert.deepEqual(await product(tile), alone);
  });
});

describe("defaultTile", () => {
  const tileOf = (rows: number, k: number): GemmTile => defaultTile(forwardPass(linearGeometry(rows, pad4(k), k)));
  it("takes large tiles for large products", () => assert.equal(tileOf(64 * 32 * 32, 256), "128x128"));
  it("takes no tile of which more than half would be channels that are not there", () => assert.deepEqual([tileOf(64 * 32 * 32, 64), tileOf(64 * 32 * 32, 16)], ["128x64", "32x32"]));
  it("takes small tiles where large ones would leave processors idle", () => assert.deepEqual([tileOf(64 * 4 * 4, 512), tileOf(64 * 8 * 8, 256)], ["32x32", "64x64"]));
});

async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}
