import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import type { ReduceFunction } from "../../../services/engine/graph/operations/broadcast.ts";
import { reduce, reduceScratchElements } from "../../../services/engine/kernels/tensor/reduce.ts";
import { stridesOf } from "../../../services/engine/kernels/tensor/walk.ts";
import { reduceReference } from "../../../services/engine/reference/tensor/reduce.ts";
import { transposeReference } from "../../../services/engine/reference/tensor/transpose.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";
import { reductions } from "./reductions.ts";

describe("tensor/reduce", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (fn: ReduceFunction, x: Float64Array, sizes: readonly number[], axes: readonly number[], strides: readonly number[] = stridesOf(sizes)): Promise<Float32Array> => {
    const of = { sizes, strides, axes };
    const outputs = elements(sizes.filter((_, i) => !axes.includes(i)));
    return (await launch(gpu, { y: outputs }, (scope, { y }) => reduce(fn, uploadF32(scope, "x", x), y, of, scope.tensor("scratch", [Math.max(1, reduceScratchElements(of))])))).y;
  };

  for (const fn of ["sum", "mean", "max"] as const) for (const { sizes, axes } of reductions) {
    it(`matches the reference: ${fn} of [${sizes.join(", ")}] over ${axes.join(", ")}`, async () => {
      const x = uniform(sizes.length, elements(sizes));
      assertClose(await run(fn, x, sizes, axes), reduceReference(fn, x, sizes, axes), TOLERANCE.reduction(elements(axes.map((axis) => sizes[axis]!))));
    });
  }

  // One under, at and over a workgroup's 8 results, and the count from which sums go in parts.
  for (const [outputs, count] of [[7, 3], [8, 3], [9, 3], [2, 4096], [2, 4097], [3, 10_007]] as const) {
    it(`matches the reference: mean of ${count} for ${outputs} results`, async () => {
      const x = uniform(3, outputs * count);
      assertClose(await run("mean", x, [outputs, count], [1]), reduceReference("mean", x, [outputs, count], [1]), { atol: 1e-6, rtol: 1e-5 });
    });
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, async () => {
    const x = uniform(3, 101 * 5);
    assertClose(await run("sum", x, [101, 5], [1]), reduceReference("sum", x, [101, 5], [1]), TOLERANCE.reduction(5));
  }));

  it("reads activations, whose channels come last, by their strides", async () => {
    const [n, c, h, w] = [2, 3, 4, 5];
    const x = uniform(1, n * c * h * w);
    const lastChannels = transposeReference(x, [n, c, h, w], [0, 2, 3, 1]);
    assertClose(await run("sum", lastChannels, [n, c, h, w], [2, 3], [h * w * c, 1, w * c, c]), reduceReference("sum", x, [n, c, h, w], [2, 3]), TOLERANCE.reduction(20));
  });

  it("adds a million numbers without losing the small to the large", async () => {
    const tenths = new Float64Array(2 ** 20).fill(Math.fround(0.1));
    assert.ok(Math.abs((await run("sum", tenths, [2 ** 20], [0]))[0]! / (2 ** 20 * Math.fround(0.1)) - 1) < 1e-4, "one running sum is off by 1e-2");
  });

  it("takes the maximum of negative numbers, too", async () => { assert.deepEqual([...await run("max", Float64Array.of(-3, -1, -2, -9, -8, -7), [2, 3], [1])], [-1, -7]); });

  it("repeats to the bit, and each image's numbers whatever the batch", async () => {
    const x = uniform(1, 3 * 5000);
    const three = await run("sum", x, [3, 5000], [1]);
    assert.deepEqual(await run("sum", x, [3, 5000], [1]), three);
    assert.deepEqual(await run("sum", x.slice(0, 5000), [1, 5000], [1]), three.slice(0, 1));
  });

  it("refuses empty sides, short buffers and missing scratch, by name", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [8]);
    const of = (sizes: readonly number[]): Parameters<typeof reduce>[3] => ({ sizes, strides: stridesOf(sizes), axes: [1] });
    assert.throws(() => reduce("sum", t, t, of([2, 0])), { code: "SHAPE_MISMATCH", message: /tensor\/reduce: expected size 1/ });
    assert.throws(() => reduce("sum", t, t, of([3, 3])), { code: "SHAPE_MISMATCH", message: /expected x to hold 9 elements, got 8/ });
    assert.throws(() => reduce("sum", scope.tensor("x", [5000]), t, of([1, 5000])), { code: "SHAPE_MISMATCH", message: /expected scratch for 5 partial results/ });
    assert.throws(() => reduce("sum", scope.tensor("x", [40_000]), t, of([8, 5000]), t), { code: "SHAPE_MISMATCH", message: /expected y to hold 40 elements/ });
  }));
});
