import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { pad4 } from "../../../services/engine/graph/layout.ts";
import type { Planes } from "../../../services/engine/graph/physical.ts";
import { toDense } from "../../../services/engine/kernels/tensor/to-dense.ts";
import { fromDenseReference } from "../../../services/engine/reference/tensor/from-dense.ts";
import { toDenseReference } from "../../../services/engine/reference/tensor/to-dense.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { planesCases } from "./planes-cases.ts";

describe("tensor/to-dense", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, planes: Planes): Promise<Float32Array> => (await launch(gpu, { y: planes.n * planes.c * planes.s }, (scope, { y }) => toDense(uploadF32(scope, "x", x), y, planes))).y;
  /** Padding lanes hold rubbish here: they must not come out anywhere. */
  const physical = ({ n, c, s }: Planes): Float64Array => uniform(c, n * s * pad4(c));
  const check = async (planes: Planes): Promise<void> => { assert.deepEqual(await run(physical(planes), planes), Float32Array.from(toDenseReference(physical(planes), planes))); };

  for (const planes of planesCases) it(`matches the reference at ${Object.values(planes).join("×")}`, () => check(planes));
  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 7, s: 450 })));

  it("undoes what from-dense does", async () => {
    const planes = { n: 3, c: 6, s: 35 };
    const x = uniform(1, 3 * 6 * 35);
    assert.deepEqual(await run(fromDenseReference(x, planes), planes), Float32Array.from(x));
  });

  it("repeats to the bit", async () => {
    const planes = { n: 2, c: 5, s: 77 };
    assert.deepEqual(await run(physical(planes), planes), await run(physical(planes), planes));
  });

  it("refuses empty sides, short buffers and more elements than a u32 counts, by name", () => {
    const scope = gpu.scope("test");
    const t = scope.tensor("t", [8]);
    assert.throws(() => toDense(t, t, { n: 1, c: 0, s: 1 }), { code: "SHAPE_MISMATCH", message: /tensor\/to-dense: expected c to be a positive integer/ });
    assert.throws(() => toDense(t, t, { n: 1, c: 3, s: 3 }), { code: "SHAPE_MISMATCH", message: /expected x to hold 12 elements, got 8/ });
    assert.throws(() => toDense(t, t, { n: 65536, c: 1, s: 65536 }), { code: "SHAPE_MISMATCH", message: /fewer than 2\^32 elements/ });
    scope.dispose();
  });
});
