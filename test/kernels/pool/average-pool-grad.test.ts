import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, pad4 } from "../../../services/engine/graph/layout.ts";
import { averagePoolGrad } from "../../../services/engine/kernels/pool/average-pool-grad.ts";
import { poolGeometry, type PoolGeometry, type PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { averagePoolGradReference } from "../../../services/engine/reference/pool/average-pool-grad.ts";
import { averagePoolReference } from "../../../services/engine/reference/pool/average-pool.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describePool, poolCases } from "./cases.ts";

describe("pool/average-pool-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dx, padding lanes included. */
  const run = async (dy: Float64Array, g: PoolGeometry): Promise<Float32Array> => {
    const packed = packActivation(dy, [g.n, g.c, g.oh, g.ow]);
    return (await launch(gpu, { dx: g.n * g.h * g.w * pad4(g.c) }, (scope, { dx }) => averagePoolGrad(uploadF32(scope, "dy", packed), dx, g))).dx;
  };
  const check = async (options: PoolOptions): Promise<void> => {
    const g = poolGeometry("averagePool", options);
    const dy = uniform(g.w, g.n * g.c * g.oh * g.ow);
    assertClose(await run(dy, g), packActivation(averagePoolGradReference(dy, g), [g.n, g.c, g.h, g.w]), TOLERANCE.elementwise);
  };

  for (const options of poolCases) for (const countIncludePad of [true, false]) {
    it(`matches the reference at ${describePool(options)}, countIncludePad ${countIncludePad}`, () => check({ ...options, countIncludePad }));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 8, h: 20, w: 20, window: 2 })));

  for (const countIncludePad of [true, false]) {
    it(`is the derivative of average pooling, countIncludePad ${countIncludePad}: the reference agrees with central differences`, () => {
      const g = poolGeometry("averagePool", { n: 2, c: 2, h: 5, w: 6, window: 3, stride: 2, padding: 1, countIncludePad });
      const dy = uniform(6, g.n * g.c * g.oh * g.ow);
      assertClose(averagePoolGradReference(dy, g), centralDifferences((v) => dot(averagePoolReference(v, g), dy), uniform(5, 120)), DIFFERENCES);
      const uneven = poolGeometry("averagePool", { n: 1, c: 2, h: 7, w: 8, window: [2, 3], stride: [3, 2], padding: [1, 0, 0, 2], ceilMode: true, countIncludePad });
      const dyUneven = uniform(8, uneven.c * uneven.oh * uneven.ow);
      assertClose(averagePoolGradReference(dyUneven, uneven), centralDifferences((v) => dot(averagePoolReference(v, uneven), dyUneven), uniform(5, 112)), DIFFERENCES);
    });
  }

  it("hands on all of dy where only cells of the image count", async () => {
    const g = poolGeometry("averagePool", { n: 1, c: 3, h: 8, w: 8, window: 3, stride: 2, padding: 1, countIncludePad: false });
    const dy = uniform(7, 3 * g.oh * g.ow);
    const sum = (v: ArrayLike<number>): number => dot(v, new Float64Array(v.length).fill(1));
    assertClose([sum(await run(dy, g))], [sum(dy)], TOLERANCE.reduction(48));
  });

  it("repeats to the bit", async () => {
    const g = poolGeometry("averagePool", { n: 1, c: 3, h: 8, w: 8, window: 3, stride: 2, padding: 1 });
    const dy = uniform(7, 3 * g.oh * g.ow);
    assert.deepEqual(await run(dy, g), await run(dy, g));
  });

  it("refuses impossible geometries and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const g = poolGeometry("averagePool", { n: 1, c: 1, h: 4, w: 4, window: 2 });
    assert.throws(() => averagePoolGrad(long, long, { ...g, ow: 4 }), { code: "SHAPE_MISMATCH", message: /averagePool: expected an output of 2×2, got 2×4/ });
    assert.throws(() => averagePoolGrad(short, long, g), { code: "SHAPE_MISMATCH", message: /expected dy to hold 16/ });
    assert.throws(() => averagePoolGrad(long, short, g), { code: "SHAPE_MISMATCH", message: /expected dx to hold 64/ });
    scope.dispose();
  });
});
