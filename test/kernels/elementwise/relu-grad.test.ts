import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { reluGrad } from "../../../services/engine/kernels/elementwise/relu-grad.ts";
import { reluGradReference } from "../../../services/engine/reference/elementwise/relu-grad.ts";
import { reluReference } from "../../../services/engine/reference/elementwise/relu.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("elementwise/relu-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, y: Float64Array): Promise<Float32Array> =>
    (await launch(gpu, { dx: dy.length }, (scope, { dx }) => reluGrad(uploadF32(scope, "dy", dy), uploadF32(scope, "y", y), dx, dy.length))).dx;

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 50_021]) {
    it(`matches the reference at [${n}]`, async () => {
      const dy = uniform(n, n);
      const y = reluReference(uniform(n + 1, n));
      assert.deepEqual(await run(dy, y), Float32Array.from(reluGradReference(dy, y)));
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const dy = uniform(9, 2048 * 5 + 5);
    const y = reluReference(uniform(8, dy.length));
    assert.deepEqual(await run(dy, y), Float32Array.from(reluGradReference(dy, y)));
  }));

  it("is the derivative of relu: the reference agrees with central differences", () => {
    const x = uniform(1, 60);
    const dy = uniform(2, 60);
    assertClose(reluGradReference(dy, reluReference(x)), centralDifferences((v) => dot(reluReference(v), dy), x), DIFFERENCES);
  });

  it("lets nothing through at 0 and everything above it", async () => {
    assert.deepEqual(await run(Float64Array.of(5, -5, 7, -7), Float64Array.of(0, 0, 1e-30, 3)), Float32Array.of(0, 0, 7, -7));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 3000), uniform(2, 3000)), await run(uniform(1, 3000), uniform(2, 3000)));
  });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    assert.throws(() => reluGrad(long, long, long, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/relu-grad: expected n/ });
    assert.throws(() => reluGrad(short, long, long, 5), { code: "SHAPE_MISMATCH", message: /expected dy to hold 5/ });
    assert.throws(() => reluGrad(long, short, long, 5), { code: "SHAPE_MISMATCH", message: /expected y to hold 5/ });
    assert.throws(() => reluGrad(long, long, short, 5), { code: "SHAPE_MISMATCH", message: /expected dx to hold 5/ });
    scope.dispose();
  });
});
