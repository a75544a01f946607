import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { sumSlices } from "../../../services/engine/kernels/conv/sum-slices.ts";
import { sumSlicesReference } from "../../../services/engine/reference/conv/sum-slices.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { runSteps } from "./suite.ts";

describe("conv/sum-slices", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (part: Float64Array, slices: number, n: number): Promise<Float32Array> =>
    runSteps(gpu, n, (y, scope) => [sumSlices(uploadF32(scope, "part", part), y, { slices, n })]);

  // One vec4; a prime count of vec4; one under, at and over a workgroup's 32 elements; large. One to many slices.
  for (const [slices, n] of [[1, 4], [3, 4 * 31], [2, 28], [5, 32], [7, 36], [33, 4 * 10_007]] as const) {
    it(`matches the reference: ${slices} slices of ${n}`, async () => {
      const part = uniform(n, slices * n);
      assertClose(await run(part, slices, n), sumSlicesReference(part, { slices, n }), TOLERANCE.reduction(slices));
    });
  }

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const part = uniform(1, 5 * 400);
    const once = await run(part, 5, 400);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(part, 5, 400), once));
    assert.deepEqual(await run(part, 5, 400), once);
  });

  it("adds the slices in order", async () => {
    const part = [2 ** 24, 1, 1, -(2 ** 24)]; // in f32: 2²⁴ + 1 = 2²⁴, so only this order gives 0, not 1 or 2
    assert.deepEqual(await run(Float64Array.from(part.flatMap((v) => [v, v, v, v])), 4, 4), new Float32Array(4));
  });

  it("refuses sizes that do not fit by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(8));
    assert.throws(() => sumSlices(t, t, { slices: 0, n: 4 }), { code: "SHAPE_MISMATCH", message: /conv\/sum-slices: expected slices/ });
    assert.throws(() => sumSlices(t, t, { slices: 1, n: 6 }), { code: "SHAPE_MISMATCH", message: /expected n to be a multiple of 4, got 6/ });
    assert.throws(() => sumSlices(t, t, { slices: 3, n: 4 }), { code: "SHAPE_MISMATCH", message: /expected part to hold 12 elements/ });
    assert.throws(() => sumSlices(uploadF32(scope, "u", new Float32Array(24)), t, { slices: 2, n: 12 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 12 elements/ });
    scope.dispose();
  });
});
