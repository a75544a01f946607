import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { bindEpilogue, type Epilogue } from "../../../services/engine/kernels/conv/epilogue.ts";
import { type ConvGeometry, outputElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { winogradTiles } from "../../../services/engine/kernels/conv/winograd-input.ts";
import { winogradOutput } from "../../../services/engine/kernels/conv/winograd-output.ts";
import { winogradOutputReference } from "../../../services/engine/reference/conv/winograd.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { conv, data, guarded, packY, runSteps } from "./suite.ts";

describe("conv/winograd-output", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** In slices of `most` tiles, which together write all of y. */
  const run = (g: ConvGeometry, p: Float64Array, most = Infinity, epilogue: (scope: Scope) => Epilogue = () => ({})): Promise<Float32Array> => runSteps(gpu, outputElements(g), (y, scope) => {
    const { all } = winogradTiles(g);
    const row = pad4(g.k);
    const steps = [];
    for (let first = 0; first < all; first += most) {
      const tiles = Math.min(most, all - first);
      const slice = new Float32Array(16 * tiles * row);
      for (let i = 0; i < 16; i++) slice.set(p.subarray((i * all + first) * row, (i * all + first + tiles) * row), i * tiles * row);
      const products: Tensor = guarded(scope, "p", slice);
      const { flags, buffers } = bindEpilogue("test", epilogue(scope), g.k, outputElements(g), products);
      steps.push(winogradOutput(g, { flags, buffers: [products, ...buffers, y] }, { first, tiles }));
    }
    return steps;
  });

  /** Logical. */
  function reference(g: ConvGeometry, p: Float64Array): Float64Array {
    const { tilesY, tilesX, all } = winogradTiles(g);
    const y = new Float64Array(g.n * g.k * g.oh * g.ow);
    for (let t = 0; t < all; t++) for (let k = 0; k < g.k; k++) {
      const [image, oy, ox] = [Math.floor(t / tilesX / tilesY), 2 * (Math.floor(t / tilesX) % tilesY), 2 * (t % tilesX)];
      winogradOutputReference(Array.from({ length: 16 }, (_, i) => p[(i * all + t) * pad4(g.k) + k]!)).forEach((value, i) => {
        const [py, px] = [oy + (i >> 1), ox + (i & 1)];
        if (py < g.oh && px < g.ow) y[((image * g.k + k) * g.oh + py) * g.ow + px] = value;
      });
    }
    return y;
  }

  const products = (g: ConvGeometry, seed: number): Float64Array => uniform(seed, 16 * winogradTiles(g).all * pad4(g.k)).map((v, i) => (i % pad4(g.k) < g.k ? v : 0));

  // One tile; odd sides, so that tiles reach over the edge; channels that do not fill a vec4; 63, 64 and 65 invocations.
  const CASES: readonly ConvGeometry[] = [conv(1, 4, 3, 3, 1, 3, 1, 1), conv(2, 4, 7, 5, 6, 3, 1, 1), conv(3, 4, 6, 14, 4, 3, 1, 1), conv(4, 4, 8, 8, 3, 3, 1, 1), conv(1, 4, 2, 26, 20, 3, 1, 1)];
  CASES.forEach((g, i) => {
    it(`matches the reference: ${g.n}×${g.k}×${g.oh}×${g.ow}`, async () => {
      const p = products(g, i);
      assertClose(await run(g, p), packY(g, reference(g, p)), TOLERANCE.elementwise);
    });
  });

  it("adds bias and residual, then rectifies, then masks", async () => {
    const g = conv(2, 4, 7, 5, 6, 3, 1, 1);
    const p = products(g, 3);
    const { bias, likeY: [residual, mask] } = data(g, 4);
    const y = await run(g, p, Infinity, (scope) => ({ bias: uploadF32(scope, "bias", packVector(bias)), residual: uploadF32(scope, "residual", packY(g, residual)), mask: uploadF32(scope, "mask", packY(g, mask)), relu: true }));
    const expected = reference(g, p).map((v, j) => (mask[j]! > 0 ? Math.max(0, v + bias[Math.floor(j / (g.oh * g.ow)) % g.k]! + residual[j]!) : 0));
    assertClose(y, packY(g, expected), TOLERANCE.elementwise);
  });

  it("gives the same bits in slices, in a folded grid, and again", async () => {
    const g = conv(3, 4, 7, 6, 12, 3, 1, 1);
    const p = products(g, 5);
    const once = await run(g, p);
    assert.deepEqual(await run(g, p, 5), once);
    await withGridLimit(gpu, 1, async () => assert.deepEqual(await run(g, p), once));
    assert.deepEqual(await run(g, p), once);
  });

  it("refuses tensors that are too small by name", () => {
    const scope = gpu.scope("test");
    const g = conv(1, 4, 2, 2, 4, 3, 1, 1);
    const [p, y] = [uploadF32(scope, "p", new Float32Array(64)), uploadF32(scope, "y", new Float32Array(16))];
    assert.throws(() => winogradOutput(g, { flags: 0, buffers: [y, p, p, p, y] }, { first: 0, tiles: 1 }), { code: "SHAPE_MISMATCH", message: /conv\/winograd-output: expected p to hold 64 elements/ });
    assert.throws(() => winogradOutput({ ...g, n: 2 }, { flags: 0, buffers: [p, p, p, p, y] }, { first: 0, tiles: 1 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 32 elements/ });
    scope.dispose();
  });
});
