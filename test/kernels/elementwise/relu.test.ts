import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { relu } from "../../../services/engine/kernels/elementwise/relu.ts";
import { reluReference } from "../../../services/engine/reference/elementwise/relu.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";

describe("elementwise/relu", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array): Promise<Float32Array> => {
    const scope = gpu.scope("test");
    try {
      const output = canary(scope, "y", x.length, -7); // no output of relu is negative
      return await runChecked(gpu, [relu(uploadF32(scope, "x", x), output, x.length)], output, x.length, -7);
    } finally { scope.dispose(); }
  };

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 100_003]) {
    it(`matches the reference at [${n}]`, async () => {
      const x = uniform(n, n);
      assert.deepEqual(await run(x), Float32Array.from(reluReference(x)));
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const x = uniform(9, 2048 * 5 + 5);
    assert.deepEqual(await run(x), Float32Array.from(reluReference(x)));
  }));

  it("is the identity on what is positive and idempotent", async () => {
    const x = uniform(3, 1000);
    const once = await run(x);
    assert.deepEqual(await run(Float64Array.from(once)), once);
  });

  it("repeats to the bit", async () => {
    const x = uniform(2, 3000);
    assert.deepEqual(await run(x), await run(x));
  });

  it("refuses an empty shape and a short buffer by name", async () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    assert.throws(() => relu(t, t, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/relu: expected n/ });
    assert.throws(() => relu(t, t, 5), { code: "SHAPE_MISMATCH", message: /expected x to hold 5 elements, got 4/ });
    scope.dispose();
  });
});
