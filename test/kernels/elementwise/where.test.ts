import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { where } from "../../../services/engine/kernels/elementwise/where.ts";
import { whereReference } from "../../../services/engine/reference/elementwise/where.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("elementwise/where", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (condition: Float64Array, a: Float64Array, b: Float64Array): Promise<Float32Array> =>
    (await launch(gpu, { y: a.length }, (scope, { y }) => where(uploadF32(scope, "c", condition), uploadF32(scope, "a", a), uploadF32(scope, "b", b), y, a.length))).y;
  const operands = (n: number): [Float64Array, Float64Array, Float64Array] => [uniform(1, n, 1.49).map(Math.round), uniform(2, n), uniform(3, n)];

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 100_003]) it(`matches the reference at [${n}]`, async () => { assert.deepEqual(await run(...operands(n)), Float32Array.from(whereReference(...operands(n)))); });

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    assert.deepEqual(await run(...operands(2048 * 5 + 5)), Float32Array.from(whereReference(...operands(2048 * 5 + 5))));
  }));

  it("takes anything but 0 for true, and −0 for false", async () => {
    assert.deepEqual([...await run(Float64Array.of(-1, 0.001, 0, -0), new Float64Array(4).fill(1), new Float64Array(4).fill(2))], [1, 1, 2, 2]);
  });

  it("repeats to the bit", async () => { assert.deepEqual(await run(...operands(3000)), await run(...operands(3000))); });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    assert.throws(() => where(t, t, t, t, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/where: expected n/ });
    assert.throws(() => where(t, t, t, t, 5), { code: "SHAPE_MISMATCH", message: /expected condition to hold 5 elements, got 4/ });
    scope.dispose();
  });
});
