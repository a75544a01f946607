import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, pad4, unpackActivation } from "../../../services/engine/graph/layout.ts";
import { poolGeometry, type PoolGeometry, type PoolOptions } from "../../../services/engine/kernels/pool/geometry.ts";
import { maxPoolGradSpec, maxPoolGrad } from "../../../services/engine/kernels/pool/max-pool-grad.ts";
import { maxPoolReference } from "../../../services/engine/reference/pool/max-pool.ts";
import { maxPoolGradReference } from "../../../services/engine/reference/pool/max-pool-grad.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describePool, dilatedCases, poolCases, quantised } from "./cases.ts";

describe("pool/max-pool-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dx, padding lanes included. */
  const run = async (x: Float64Array, dy: Float64Array, g: PoolGeometry, relu = false): Promise<Float32Array> => {
    const output = [g.n, g.c, g.oh, g.ow] as const;
    const result = await launch(gpu, { dx: g.n * g.h * g.w * pad4(g.c) }, (scope, { dx }) => maxPoolGrad(
      uploadF32(scope, "x", packActivation(x, [g.n, g.c, g.h, g.w])),
      uploadF32(scope, "y", packActivation(maxPoolReference(x, g), output)),
      uploadF32(scope, "dy", packActivation(dy, output)),
      dx, g, { relu },
    ));
    return result.dx;
  };
  const check = async (options: PoolOptions): Promise<void> => {
    const g = poolGeometry("maxPool", options);
    const x = quantised(g.h, g.n * g.c * g.h * g.w);
    const dy = uniform(g.w, g.n * g.c * g.oh * g.ow);
    for (const relu of [false, true]) assertClose(await run(x, dy, g, relu), packActivation(maxPoolGradReference(x, dy, g, { relu }), [g.n, g.c, g.h, g.w]), TOLERANCE.elementwise);
  };

  for (const options of [...poolCases, ...dilatedCases]) it(`matches the reference at ${describePool(options)}`, () => check(options));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 8, h: 19, w: 17, window: 3, stride: 2 })));

  it("is the derivative of max pooling: the reference agrees with central differences", () => {
    const g = poolGeometry("maxPool", { n: 2, c: 2, h: 5, w: 6, window: 3, stride: 2, padding: 1 });
    const x = uniform(5, 120); // no two cells are equal, so the derivative exists
    const dy = uniform(6, g.n * g.c * g.oh * g.ow);
    assertClose(maxPoolGradReference(x, dy, g), centralDifferences((v) => dot(maxPoolReference(v, g), dy), x), DIFFERENCES);
  });

  it("is that with dilation and padding of each side its own, too", () => {
    const g = poolGeometry("maxPool", { n: 1, c: 2, h: 7, w: 6, window: [3, 2], stride: [1, 2], padding: [2, 1, 0, 2], dilation: [2, 3], ceilMode: true });
    const x = uniform(5, 84);
    const dy = uniform(6, g.n * g.c * g.oh * g.ow);
    assertClose(maxPoolGradReference(x, dy, g), centralDifferences((v) => dot(maxPoolReference(v, g), dy), x), DIFFERENCES);
  });

  it("takes a ReLU's gradient in the same pass, as a pass of its own would", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 2, h: 7, w: 7, window: 3, stride: 2, padding: 1 });
    const x = quantised(3, 98).map((v) => Math.max(v, 0));
    const dy = uniform(4, 2 * g.oh * g.ow);
    const plain = await run(x, dy, g);
    const packed = packActivation(x, [1, 2, 7, 7]);
    assert.ok(plain.some((v, i) => v !== 0 && packed[i] === 0), "some window's largest cell is 0");
    assert.deepEqual(await run(x, dy, g, true), plain.map((v, i) => (packed[i]! > 0 ? v : 0)));
  });

  it("gives the gradient of equal cells to the first, in overlapping windows too", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 1, h: 3, w: 3, window: 2, stride: 1 });
    const dx = unpackActivation(await run(new Float64Array(9).fill(0.5), Float64Array.of(1, 2, 3, 4), g), [1, 1, 3, 3]);
    assert.deepEqual(dx, Float32Array.of(1, 2, 0, 3, 4, 0, 0, 0, 0));
  });

  it("hands on all of dy and no more", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 3, h: 8, w: 8, window: 3, stride: 2, padding: 1 });
    const dy = quantised(7, 3 * g.oh * g.ow); // sums of quarters are exact
    const dx = await run(quantised(8, 192), dy, g);
    assert.equal(dx.reduce((sum, v) => sum + v, 0), dy.reduce((sum, v) => sum + v, 0));
  });

  it("repeats to the bit", async () => {
    const g = poolGeometry("maxPool", { n: 1, c: 3, h: 8, w: 8, window: 3, stride: 2, padding: 1 });
    const run1 = (): Promise<Float32Array> => run(quantised(8, 192), uniform(7, 3 * g.oh * g.ow), g);
    assert.deepEqual(await run1(), await run1());
  });

  it("leaves windows that tile the image to the disjoint kernel, and no others", () => {
    const scope = gpu.scope("test");
    const t = scope.tensor("t", [1024]);
    const chosen = (options: Partial<PoolOptions>): string => maxPoolGrad(t, t, t, t, poolGeometry("maxPool", { n: 1, c: 1, h: 6, w: 6, window: 2, ...options })).spec.name;
    assert.equal(chosen({}), "pool/max-pool-grad-disjoint");
    const others: readonly Partial<PoolOptions>[] = [{ h: 7 }, { w: 7 }, { stride: 1 }, { stride: 3 }, { padding: 1 }, { window: [2, 1] }, { window: [2, 3] }, { padding: [0, 0, 1, 0] }, { dilation: 2 }];
    for (const options of others) assert.equal(chosen(options), maxPoolGradSpec.name);
    scope.dispose();
  });

  it("refuses impossible geometries and short buffers by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const g = poolGeometry("maxPool", { n: 1, c: 1, h: 4, w: 4, window: 2 });
    assert.throws(() => maxPoolGrad(long, long, long, long, { ...g, ow: 1 }), { code: "SHAPE_MISMATCH", message: /maxPool: expected an output of 2×2, got 2×1/ });
    assert.throws(() => maxPoolGrad(short, long, long, long, g), { code: "SHAPE_MISMATCH", message: /expected x to hold 64/ });
    assert.throws(() => maxPoolGrad(long, short, long, long, g), { code: "SHAPE_MISMATCH", message: /expected y to hold 16/ });
    assert.throws(() => maxPoolGrad(long, long, short, long, g), { code: "SHAPE_MISMATCH", message: /expected dy to hold 16/ });
    assert.throws(() => maxPoolGrad(long, long, long, short, g), { code: "SHAPE_MISMATCH", message: /expected dx to hold 64/ });
    scope.dispose();
  });
});
