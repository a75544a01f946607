import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { sumParts } from "../../../services/engine/kernels/reduce/sum-parts.ts";
import { sumSlicesReference } from "../../../services/engine/reference/conv/sum-slices.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("reduce/sum-parts", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (part: Float64Array, parts: number, n: number): Promise<Float32Array> =>
    (await launch(gpu, { y: n }, (scope, { y }) => sumParts(uploadF32(scope, "part", part), y, { parts, n }))).y;

  for (const [parts, n] of [[1, 1], [3, 31], [2, 7], [5, 8], [7, 9], [33, 10_007]] as const) {
    it(`matches the reference: ${parts} parts of ${n}`, async () => {
      const part = uniform(n, parts * n);
      assertClose(await run(part, parts, n), sumSlicesReference(part, { slices: parts, n }), TOLERANCE.reduction(parts));
    });
  }

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const part = uniform(1, 5 * 401);
    const once = await run(part, 5, 401);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(part, 5, 401), once));
    assert.deepEqual(await run(part, 5, 401), once);
  });

  it("adds the parts in order", async () => {
    assert.deepEqual(await run(Float64Array.of(2 ** 24, 1, 1, -(2 ** 24)), 4, 1), new Float32Array(1)); // in f32: 2²⁴ + 1 = 2²⁴, so only this order gives 0
  });

  it("writes not one element more than n", async () => {
    const { y } = await launch(gpu, { y: [9, 9, 9, 9, 9, 9, 9, 9] }, (scope, t) => sumParts(uploadF32(scope, "part", new Float32Array(10)), t.y, { parts: 2, n: 5 }));
    assert.deepEqual([...y], [0, 0, 0, 0, 0, 9, 9, 9]);
  });

  it("refuses sizes that do not fit by name", () => {
    const scope = gpu.scope("test");
    const [t, long] = [scope.tensor("t", [8]), scope.tensor("long", [24])];
    assert.throws(() => sumParts(t, t, { parts: 0, n: 4 }), { code: "SHAPE_MISMATCH", message: /reduce\/sum-parts: expected parts/ });
    assert.throws(() => sumParts(t, t, { parts: 3, n: 4 }), { code: "SHAPE_MISMATCH", message: /expected part to hold 12 elements/ });
    assert.throws(() => sumParts(long, t, { parts: 2, n: 12 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 12 elements/ });
    scope.dispose();
  });
});
