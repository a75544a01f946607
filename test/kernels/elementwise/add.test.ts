import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { add } from "../../../services/engine/kernels/elementwise/add.ts";
import { addReference } from "../../../services/engine/reference/elementwise/add.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("elementwise/add", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (a: Float64Array, b: Float64Array): Promise<Float32Array> =>
    (await launch(gpu, { y: a.length }, (scope, { y }) => add(uploadF32(scope, "a", a), uploadF32(scope, "b", b), y, a.length))).y;

  // One; a prime; one under, at and over a workgroup's 2048 elements; large. A sum of two is rounded once, so it is exact.
  for (const n of [1, 31, 2047, 2048, 2049, 50_021]) {
    it(`matches the reference at [${n}]`, async () => {
      const [a, b] = [uniform(n, n), uniform(n + 1, n)];
      assert.deepEqual(await run(a, b), Float32Array.from(addReference(a, b)));
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const [a, b] = [uniform(9, 2048 * 5 + 5), uniform(8, 2048 * 5 + 5)];
    assert.deepEqual(await run(a, b), Float32Array.from(addReference(a, b)));
  }));

  it("commutes, and doubles a tensor added to itself", async () => {
    const [a, b] = [uniform(1, 500), uniform(2, 500)];
    assert.deepEqual(await run(a, b), await run(b, a));
    const twice = await launch(gpu, { y: 500 }, (scope, { y }) => {
      const t = uploadF32(scope, "a", a);
      return add(t, t, y, 500);
    });
    assert.deepEqual(twice.y, Float32Array.from(a, (v) => 2 * v));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 3000), uniform(2, 3000)), await run(uniform(1, 3000), uniform(2, 3000)));
  });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    assert.throws(() => add(long, long, long, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/add: expected n/ });
    assert.throws(() => add(short, long, long, 5), { code: "SHAPE_MISMATCH", message: /expected a to hold 5/ });
    assert.throws(() => add(long, short, long, 5), { code: "SHAPE_MISMATCH", message: /expected b to hold 5/ });
    assert.throws(() => add(long, long, short, 5), { code: "SHAPE_MISMATCH", message: /expected y to hold 5/ });
    scope.dispose();
  });
});
