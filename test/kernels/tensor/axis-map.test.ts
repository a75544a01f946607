import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { type AxisMap, transposeMap } from "../../../services/engine/graph/operations/shape.ts";
import { axisMap } from "../../../services/engine/kernels/tensor/axis-map.ts";
import { axisMapReference } from "../../../services/engine/reference/tensor/axis-map.ts";
import { dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

type Sizes = readonly [outer: number, size: number, inner: number];

/** Rows of 0, 1, 2, 3, 0 … entries. */
function mapOf(size: number, rows: number): AxisMap {
  const offsets = [0];
  for (let j = 0; j < rows; j++) offsets.push(offsets[j]! + (j % 4));
  const entries = offsets.at(-1)!;
  return { offsets, indices: Array.from({ length: entries }, (_, t) => (t * 7 + 3) % size), weights: [...uniform(5, entries)] };
}

describe("tensor/axis-map", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, [outer, size, inner]: Sizes, { offsets, indices, weights }: AxisMap): Promise<Float32Array> => {
    const rows = offsets.length - 1;
    return (await launch(gpu, { y: outer * rows * inner }, (scope, { y }) => axisMap(uploadF32(scope, "x", x), {
      offsets: uploadU32(scope, "offsets", offsets), indices: uploadU32(scope, "indices", indices), weights: uploadF32(scope, "weights", weights), rows, entries: indices.length,
    }, y, { outer, size, inner }))).y;
  };
  const check = async (sizes: Sizes, map: AxisMap): Promise<void> => {
    const x = uniform(1, elements(sizes));
    assertClose(await run(x, sizes, map), axisMapReference(x, sizes, { axis: 1, map }), TOLERANCE.elementwise);
  };

  // One; primes; one under, at and over a workgroup's 128 items, of one float and of four; large.
  for (const [sizes, rows] of [[[1, 1, 1], 2], [[3, 5, 7], 11], [[1, 4, 1], 127], [[1, 4, 1], 128], [[1, 4, 1], 129], [[2, 9, 4], 64], [[1, 9, 8], 65], [[13, 31, 17], 29]] as const) {
    it(`matches the reference at [${sizes.join(", ")}] to ${rows} rows`, () => check(sizes, mapOf(sizes[1], rows)));
  }
  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check([5, 11, 13], mapOf(11, 37))));

  it("has the transposed map as its gradient: ⟨A x, y⟩ = ⟨x, Aᵀ y⟩", async () => {
    const map = mapOf(9, 14);
    const [x, y] = [uniform(1, 3 * 9 * 4), uniform(2, 3 * 14 * 4)];
    const [forward, back] = [await run(x, [3, 9, 4], map), await run(y, [3, 14, 4], transposeMap(map, 9))];
    assert.ok(Math.abs(dot(forward, y) - dot(x, back)) < 1e-4);
  });

  it("is the identity for the identity's rows", async () => {
    const x = uniform(1, 2 * 6 * 5);
    assert.deepEqual(await run(x, [2, 6, 5], { offsets: [0, 1, 2, 3, 4, 5, 6], indices: [0, 1, 2, 3, 4, 5], weights: [1, 1, 1, 1, 1, 1] }), Float32Array.from(x));
  });

  it("repeats to the bit, and each image's numbers whatever the batch", async () => {
    const x = uniform(1, 4 * 7 * 3);
    const four = await run(x, [4, 7, 3], mapOf(7, 10));
    assert.deepEqual(await run(x, [4, 7, 3], mapOf(7, 10)), four);
    assert.deepEqual(await run(x.slice(0, 21), [1, 7, 3], mapOf(7, 10)), four.slice(0, 30));
  });

  it("refuses empty sides, short buffers and indices that are not u32, by name", () => withScope(gpu, async (scope) => {
    const [t, u] = [scope.tensor("t", [8]), scope.tensor("u", [8], "u32")];
    const table = { offsets: u, indices: u, weights: t, rows: 2, entries: 2 };
    assert.throws(() => axisMap(t, table, t, { outer: 1, size: 0, inner: 1 }), { code: "SHAPE_MISMATCH", message: /tensor\/axis-map: expected size to be a positive integer/ });
    assert.throws(() => axisMap(t, table, t, { outer: 1, size: 9, inner: 1 }), { code: "SHAPE_MISMATCH", message: /expected x to hold 9 elements, got 8/ });
    assert.throws(() => axisMap(t, { ...table, rows: 8 }, t, { outer: 1, size: 1, inner: 1 }), { code: "SHAPE_MISMATCH", message: /expected offsets to hold 9 elements/ });
    assert.throws(() => axisMap(t, { ...table, indices: t }, t, { outer: 1, size: 1, inner: 1 }), { code: "SHAPE_MISMATCH", message: /expected indices to be u32/ });
  }));
});
