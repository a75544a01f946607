import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pad4 } from "../../../services/engine/graph/layout.ts";
import type { ConvGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { type TileRange, winogradInput, winogradTiles } from "../../../services/engine/kernels/conv/winograd-input.ts";
import { winogradInputReference } from "../../../services/engine/reference/conv/winograd.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { conv, guarded, packX, runSteps } from "./suite.ts";

describe("conv/winograd-input", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (g: ConvGeometry, x: Float64Array, range: TileRange): Promise<Float32Array> =>
    runSteps(gpu, 16 * range.tiles * pad4(g.c), (v, scope) => [winogradInput(g, guarded(scope, "x", packX(g, x)), v, range)]);

  function reference(g: ConvGeometry, x: Float64Array, { first, tiles }: TileRange): Float64Array {
    const { tilesY, tilesX } = winogradTiles(g);
    const v = new Float64Array(16 * tiles * pad4(g.c));
    for (let t = 0; t < tiles; t++) for (let c = 0; c < g.c; c++) {
      const tile = first + t;
      const [image, oy, ox] = [Math.floor(tile / tilesX / tilesY), 2 * (Math.floor(tile / tilesX) % tilesY), 2 * (tile % tilesX)];
      const patch = Array.from({ length: 16 }, (_, i) => {
        const [iy, ix] = [oy - g.padding[0] + Math.floor(i / 4), ox - g.padding[0] + (i % 4)];
        return iy >= 0 && iy < g.h && ix >= 0 && ix < g.w ? x[((image * g.c + c) * g.h + iy) * g.w + ix]! : 0;
      });
      winogradInputReference(patch).forEach((value, i) => { v[(i * tiles + t) * pad4(g.c) + c] = value; });
    }
    return v;
  }

  // One tile; odd sides, so that tiles reach over the edge; each padding; channels that do not fill a vec4; 63, 64 and 65 invocations.
  const CASES: readonly ConvGeometry[] = [
    conv(1, 1, 4, 4, 1, 3), conv(2, 3, 7, 5, 4, 3, 1, 1), conv(1, 5, 6, 9, 4, 3, 1, 2), conv(3, 4, 6, 14, 4, 3, 1, 1), conv(4, 4, 8, 8, 4, 3, 1, 1), conv(1, 20, 2, 26, 4, 3, 1, 1),
  ];
  CASES.forEach((g, i) => {
    it(`matches the reference: ${g.n}×${g.c}×${g.h}×${g.w}, padding ${g.padding[0]}`, async () => {
      const x = uniform(i, g.n * g.c * g.h * g.w);
      const range = { first: 0, tiles: winogradTiles(g).all };
      assertClose(await run(g, x, range), reference(g, x, range), TOLERANCE.elementwise);
    });
  });

  it("makes a slice of the tiles, starting inside an image, as it makes all of them", async () => {
    const g = conv(3, 4, 7, 6, 4, 3, 1, 1);
    const x = uniform(1, 3 * 4 * 7 * 6);
    const range = { first: 7, tiles: 19 };
    assertClose(await run(g, x, range), reference(g, x, range), TOLERANCE.elementwise);
  });

  it("keeps what lies in another image out of a tile", async () => {
    const g = conv(3, 4, 5, 5, 4, 3, 1, 1);
    const x = new Float64Array(3 * 100).fill(Infinity);
    x.set(uniform(2, 100), 100);
    const range = { first: 9, tiles: 9 };
    assertClose(await run(g, x, range), reference(g, x, range), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const g = conv(2, 12, 9, 9, 4, 3, 1, 1);
    const x = uniform(3, 2 * 12 * 81);
    const range = { first: 0, tiles: 50 };
    const once = await run(g, x, range);
    await withGridLimit(gpu, 2, async () => assert.deepEqual(await run(g, x, range), once));
    assert.deepEqual(await run(g, x, range), once);
  });

  it("refuses tensors that are too small by name", () => {
    const scope = gpu.scope("test");
    const g = conv(1, 4, 4, 4, 4, 3, 1, 1);
    const t = uploadF32(scope, "t", new Float32Array(64));
    assert.throws(() => winogradInput({ ...g, n: 2 }, t, t, { first: 0, tiles: 1 }), { code: "SHAPE_MISMATCH", message: /conv\/winograd-input: expected x to hold 128 elements/ });
    assert.throws(() => winogradInput(g, t, t, { first: 0, tiles: 2 }), { code: "SHAPE_MISMATCH", message: /expected v to hold 128 elements/ });
    scope.dispose();
  });
});
