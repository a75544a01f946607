import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { UnaryFunction } from "../../../services/engine/graph/operations/elementwise.ts";
import { unary } from "../../../services/engine/kernels/elementwise/unary.ts";
import { erf } from "../../../services/engine/reference/elementwise/erf.ts";
import { unaryReference } from "../../../services/engine/reference/elementwise/unary.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeFunction, unaryCases } from "./unary-cases.ts";

describe("elementwise/unary", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (fn: UnaryFunction, x: Float64Array): Promise<Float32Array> => (await launch(gpu, { y: x.length }, (scope, { y }) => unary(fn, uploadF32(scope, "x", x), y, x.length))).y;

  unaryCases.forEach(({ fn, x }, i) => it(`matches the reference: ${describeFunction(fn)} (case ${i})`, async () => { assertClose(await run(fn, x(301)), unaryReference(fn, x(301)), TOLERANCE.elementwise); }));

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 100_003]) it(`matches the reference at [${n}]`, async () => { assertClose(await run({ name: "tanh" }, uniform(n, n, 3)), unaryReference({ name: "tanh" }, uniform(n, n, 3)), TOLERANCE.elementwise); });

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const x = uniform(9, 2048 * 5 + 5);
    assert.deepEqual(await run({ name: "neg" }, x), Float32Array.from(x, (v) => -v));
  }));

  it("rounds halves to the even neighbour, as ONNX and PyTorch do", async () => {
    assert.deepEqual([...await run({ name: "round" }, Float64Array.of(0.5, 1.5, 2.5, 3.5, 4.5, 5.5))], [0, 2, 2, 4, 4, 6]);
  });

  it("keeps sigmoid, tanh and erf odd about their middle", async () => {
    const x = uniform(3, 500, 5);
    const [p, q] = [await run({ name: "sigmoid" }, x), await run({ name: "sigmoid" }, x.map((v) => -v))];
    p.forEach((v, i) => { assert.ok(Math.abs(v + q[i]! - 1) < 3e-7); });
    for (const name of ["tanh", "erf"] as const) assert.deepEqual(await run({ name }, x.map((v) => -v)), (await run({ name }, x)).map((v) => -v));
  });

  it("the reference's erf has the values of Abramowitz & Stegun, table 7.1", () => {
    for (const [x, y] of [[0.1, 0.1124629160], [0.5, 0.5204998778], [1, 0.8427007929], [2, 0.9953222650], [2.6, 0.9997639656], [3, 0.9999779095]] as const) assert.ok(Math.abs(erf(x) - y) < 1e-10, `erf(${x}) = ${erf(x)}`);
  });

  it("repeats to the bit", async () => {
    const x = uniform(2, 3000);
    assert.deepEqual(await run({ name: "gelu", approximate: "none" }, x), await run({ name: "gelu", approximate: "none" }, x));
  });

  it("refuses an empty shape, a short buffer and a parameter that no f32 is, by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    assert.throws(() => unary({ name: "exp" }, t, t, 0), { code: "SHAPE_MISMATCH", message: /elementwise\/unary: expected n/ });
    assert.throws(() => unary({ name: "exp" }, t, t, 5), { code: "SHAPE_MISMATCH", message: /expected x to hold 5 elements, got 4/ });
    assert.throws(() => unary({ name: "affine", scale: 1e39, shift: 0 }, t, t, 4), { code: "VALUE_RANGE", message: /elementwise\/unary: expected finite parameters of affine, got 1e\+39/ });
    scope.dispose();
  });
});
