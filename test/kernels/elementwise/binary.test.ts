import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { BinaryFunction } from "../../../services/engine/graph/operations/broadcast.ts";
import { binary } from "../../../services/engine/kernels/elementwise/binary.ts";
import { binaryReference } from "../../../services/engine/reference/elementwise/binary.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { binaryFunctions } from "./binary-cases.ts";

describe("elementwise/binary", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (fn: BinaryFunction, a: Float64Array, b: Float64Array): Promise<Float32Array> =>
    (await launch(gpu, { y: a.length }, (scope, { y }) => binary(fn, uploadF32(scope, "a", a), uploadF32(scope, "b", b), y, a.length))).y;

  for (const { fn, a, b } of binaryFunctions) it(`matches the reference: ${fn}`, async () => { assertClose(await run(fn, a(301), b(301)), binaryReference(fn, a(301), b(301)), TOLERANCE.elementwise); });

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 100_003]) {
    it(`matches the reference at [${n}]`, async () => { assert.deepEqual(await run("mul", uniform(1, n), uniform(2, n)), Float32Array.from(binaryReference("mul", uniform(1, n), uniform(2, n)))); });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const [a, b] = [uniform(1, 2048 * 5 + 5), uniform(2, 2048 * 5 + 5)];
    assert.deepEqual(await run("max", a, b), Float32Array.from(binaryReference("max", a, b)));
  }));

  it("takes powers of negative numbers by whole exponents, and 0 and 1 for exponents of 0", async () => {
    assertClose(await run("pow", Float64Array.of(-2, -2, -2, 0, 0, 5), Float64Array.of(2, 3, -1, 0, 2, 0)), [4, -8, -0.5, 1, 0, 1], TOLERANCE.elementwise);
  });

  it("says of each pair that it is less, equal or greater, and one of these alone", async () => {
    const [a, b] = [uniform(1, 500).map((v) => Math.round(3 * v)), uniform(2, 500).map((v) => Math.round(3 * v))];
    const [less, equal, greater] = [await run("less", a, b), await run("equal", a, b), await run("greater", a, b)];
    less.forEach((v, i) => { assert.equal(v + equal[i]! + greater[i]!, 1); });
    assert.ok(equal.some((v) => v === 1));
  });

  it("repeats to the bit", async () => {
    const [a, b] = [uniform(1, 3000), uniform(2, 3000)];
    assert.deepEqual(await run("div", a, b), await run("div", a, b));
  });

  it("refuses an empty shape and a short buffer by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    assert.throws(() => binary("add", t, t, t, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/binary: expected n/ });
    assert.throws(() => binary("add", t, t, t, 5), { code: "SHAPE_MISMATCH", message: /expected a to hold 5 elements, got 4/ });
    scope.dispose();
  });
});
