import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pad4 } from "../../../services/engine/graph/layout.ts";
import type { Planes } from "../../../services/engine/graph/physical.ts";
import { fromDense } from "../../../services/engine/kernels/tensor/from-dense.ts";
import { fromDenseReference } from "../../../services/engine/reference/tensor/from-dense.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { planesCases } from "./planes-cases.ts";

describe("tensor/from-dense", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, planes: Planes): Promise<Float32Array> => (await launch(gpu, { y: planes.n * planes.s * pad4(planes.c) }, (scope, { y }) => fromDense(uploadF32(scope, "x", x), y, planes))).y;
  const dense = ({ n, c, s }: Planes): Float64Array => uniform(c, n * c * s);
  const check = async (planes: Planes): Promise<void> => { assert.deepEqual(await run(dense(planes), planes), Float32Array.from(fromDenseReference(dense(planes), planes))); };

  for (const planes of planesCases) it(`matches the reference at ${Object.values(planes).join("×")}`, () => check(planes));
  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 7, s: 450 })));

  it("gives as many zeros as lanes are added, and no others", async () => {
    const y = await run(new Float64Array(2 * 5 * 9).fill(3), { n: 2, c: 5, s: 9 });
    assert.deepEqual(y, Float32Array.from({ length: 2 * 9 * 8 }, (_, i) => (i % 8 < 5 ? 3 : 0)));
  });

  it("repeats to the bit", async () => {
    const planes = { n: 2, c: 5, s: 77 };
    assert.deepEqual(await run(dense(planes), planes), await run(dense(planes), planes));
  });

  it("refuses empty sides, short buffers and more elements than a u32 counts, by name", () => {
    const scope = gpu.scope("test");
    const t = scope.tensor("t", [9]);
    assert.throws(() => fromDense(t, t, { n: 1, c: 0, s: 1 }), { code: "SHAPE_MISMATCH", message: /tensor\/from-dense: expected c to be a positive integer/ });
    assert.throws(() => fromDense(t, t, { n: 1, c: 3, s: 3 }), { code: "SHAPE_MISMATCH", message: /expected y to hold 12 elements, got 9/ });
    assert.throws(() => fromDense(t, t, { n: 65536, c: 1, s: 65536 }), { code: "SHAPE_MISMATCH", message: /fewer than 2\^32 elements/ });
    scope.dispose();
  });
});
