import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { stridedCopy, type StridedViews } from "../../../services/engine/kernels/tensor/strided-copy.ts";
import { repeatedStrides, stridesOf } from "../../../services/engine/kernels/tensor/walk.ts";
import { concatGradReference, concatReference } from "../../../services/engine/reference/tensor/concat.ts";
import { expandReference } from "../../../services/engine/reference/tensor/expand.ts";
import { stridedCopyReference } from "../../../services/engine/reference/tensor/strided-copy.ts";
import { transposeReference } from "../../../services/engine/reference/tensor/transpose.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("tensor/strided-copy", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Into a y that holds numbers already: what is not written must keep them. */
  const run = async (x: Float64Array, y: Float64Array, views: StridedViews): Promise<Float32Array> => (await launch(gpu, { y }, (scope, tensors) => stridedCopy(uploadF32(scope, "x", x), tensors.y, views))).y;
  const check = async (x: Float64Array, y: Float64Array, views: StridedViews): Promise<void> => { assert.deepEqual(await run(x, y, views), Float32Array.from(stridedCopyReference(x, y, views))); };
  const transposition = (shape: readonly number[], permutation: readonly number[]): StridedViews => {
    const sizes = permutation.map((axis) => shape[axis]!);
    return { sizes, xStrides: permutation.map((axis) => stridesOf(shape)[axis]!), yStrides: stridesOf(sizes) };
  };

  // One; a prime; one under, at and over a workgroup's 512 items, of one float and of four; large; six axes that cannot be joined.
  for (const n of [1, 31, 511, 512, 513, 2044, 2048, 2052, 100_003]) it(`matches the reference, a plain copy of ${n}`, () => check(uniform(1, n), uniform(2, n), { sizes: [n], xStrides: [1], yStrides: [1] }));
  for (const [shape, permutation] of [[[1, 1], [1, 0]], [[7, 5], [1, 0]], [[3, 4, 8], [1, 0, 2]], [[2, 3, 5, 7], [0, 3, 1, 2]], [[2, 3, 2, 3, 2, 3], [5, 3, 1, 4, 2, 0]], [[197, 3, 64], [1, 0, 2]]] as const) {
    it(`transposes [${shape.join(", ")}] by ${permutation.join("")}`, async () => {
      const x = uniform(1, elements(shape));
      assert.deepEqual(await run(x, new Float64Array(x.length), transposition(shape, permutation)), Float32Array.from(transposeReference(x, shape, permutation)));
    });
  }
  for (const [from, to] of [[[1], [9]], [[3, 1], [2, 3, 5]], [[4], [3, 4]], [[1, 5, 1, 8], [2, 5, 3, 8]]] as const) {
    it(`repeats [${from.join(", ")}] to [${to.join(", ")}]`, async () => {
      const x = uniform(1, elements(from));
      const views = { sizes: to, xStrides: repeatedStrides(from, stridesOf(from), to.length), yStrides: stridesOf(to) };
      assert.deepEqual(await run(x, new Float64Array(elements(to)), views), Float32Array.from(expandReference(x, from, to)));
    });
  }

  for (const sizes of [[3, 5], [4, 8]] as const) {
    it(`puts tensors of ${sizes.join(" and ")} columns side by side, and takes each out again`, async () => {
      const [p, q] = [uniform(1, 6 * sizes[0]), uniform(2, 6 * sizes[1])];
      const total = sizes[0] + sizes[1];
      const into = (size: number, yStart: number): StridedViews => ({ sizes: [6, size], xStrides: [size, 1], yStrides: [total, 1], yStart });
      const first = await run(p, new Float64Array(6 * total).fill(9), into(sizes[0], 0));
      const both = await run(q, Float64Array.from(first), into(sizes[1], sizes[0]));
      assert.deepEqual(both, Float32Array.from(concatReference([p, q], [[6, sizes[0]], [6, sizes[1]]], 1)));
      const out = { sizes: [6, sizes[1]], xStrides: [total, 1], yStrides: [sizes[1], 1], xStart: sizes[0] };
      assert.deepEqual(Float32Array.from(concatGradReference(Float64Array.from(both), [6, total], { axis: 1, start: sizes[0], shape: [6, sizes[1]] })), Float32Array.from(q));
      assert.deepEqual(await run(Float64Array.from(both), new Float64Array(q.length), out), Float32Array.from(q));
    });
  }

  it("goes backwards, and in steps", () => check(uniform(1, 60), uniform(2, 30), { sizes: [5, 6], xStrides: [-12, 2], yStrides: [6, 1], xStart: 48 }));
  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(uniform(1, 5000), uniform(2, 5000), transposition([50, 100], [1, 0]))));

  it("undoes a transposition with the inverse one", async () => {
    const x = uniform(1, 2 * 3 * 4 * 5);
    const there = await run(x, new Float64Array(x.length), transposition([2, 3, 4, 5], [2, 0, 3, 1]));
    assert.deepEqual(await run(Float64Array.from(there), new Float64Array(x.length), transposition([4, 2, 5, 3], [1, 3, 0, 2])), Float32Array.from(x));
  });

  it("repeats to the bit", async () => {
    const x = uniform(1, 1000);
    const views = transposition([10, 100], [1, 0]);
    assert.deepEqual(await run(x, new Float64Array(1000), views), await run(x, new Float64Array(1000), views));
  });

  it("refuses empty sides, walks that leave a tensor and more axes than it counts, by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(128));
    const refused = (views: StridedViews, message: RegExp): void => { assert.throws(() => stridedCopy(t, t, views), { code: "SHAPE_MISMATCH", message }); };
    refused({ sizes: [2, 0], xStrides: [1, 1], yStrides: [1, 1] }, /tensor\/strided-copy: expected size 1/);
    refused({ sizes: [2, 65], xStrides: [65, 1], yStrides: [0, 1] }, /expected x to hold 130 elements, got 128/);
    refused({ sizes: [4], xStrides: [1], yStrides: [1], yStart: 125 }, /expected y to hold 129 elements/);
    refused({ sizes: [4], xStrides: [-1], yStrides: [1], xStart: 2 }, /to stay inside x, got offset -1/);
    refused({ sizes: [2, 2, 2, 2, 2, 2, 2], xStrides: [1, 2, 4, 8, 16, 32, 64], yStrides: [64, 32, 16, 8, 4, 2, 1] }, /at most 6 axes, got 7/);
    scope.dispose();
  });
});
