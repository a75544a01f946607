import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { reduceMaxGrad } from "../../../services/engine/kernels/tensor/reduce-max-grad.ts";
import { stridesOf } from "../../../services/engine/kernels/tensor/walk.ts";
import { reduceMaxGradReference, reduceReference } from "../../../services/engine/reference/tensor/reduce.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";
import { reductions } from "./reductions.ts";

describe("tensor/reduce-max-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, x: Float64Array, sizes: readonly number[], axes: readonly number[]): Promise<Float32Array> => {
    const y = reduceReference("max", x, sizes, axes);
    const of = { sizes, strides: stridesOf(sizes), axes };
    return (await launch(gpu, { dx: x.length }, (scope, { dx }) => reduceMaxGrad(uploadF32(scope, "dy", dy), uploadF32(scope, "y", y), uploadF32(scope, "x", x), dx, of))).dx;
  };
  const check = async (sizes: readonly number[], axes: readonly number[], x = uniform(1, elements(sizes))): Promise<void> => {
    const dy = uniform(2, elements(sizes.filter((_, i) => !axes.includes(i))));
    assert.deepEqual(await run(dy, x, sizes, axes), Float32Array.from(reduceMaxGradReference(dy, x, sizes, axes)));
  };

  for (const { sizes, axes } of reductions) it(`matches the reference: [${sizes.join(", ")}] over ${axes.join(", ")}`, () => check(sizes, axes));
  // One under, at and over a workgroup's 8 results; large.
  for (const [outputs, count] of [[7, 5], [8, 5], [9, 5], [501, 31]] as const) it(`matches the reference: ${count} for each of ${outputs}`, () => check([outputs, count], [1]));
  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check([101, 5], [1])));

  it("gives all to the first of several maxima", async () => {
    assert.deepEqual([...await run(Float64Array.of(5, 7), Float64Array.of(1, 3, 3, 2, 2, 2), [2, 3], [1])], [0, 5, 0, 7, 0, 0]);
  });

  it("gives away exactly what comes back", async () => {
    const dy = uniform(4, 40);
    const dx = await run(dy, uniform(3, 40 * 12).map((v) => Math.round(4 * v)), [40, 12], [1]);
    for (let k = 0; k < 40; k++) assert.deepEqual([...dx.slice(12 * k, 12 * k + 12)].filter((v) => v !== 0), [dy[k]!]);
  });

  it("repeats to the bit", async () => {
    const [dy, x] = [uniform(1, 30), uniform(2, 900)];
    assert.deepEqual(await run(dy, x, [30, 30], [0]), await run(dy, x, [30, 30], [0]));
  });

  it("refuses empty sides and short buffers by name", () => withScope(gpu, async (scope) => {
    const [t, large] = [scope.tensor("t", [2]), scope.tensor("large", [9])];
    const of = (sizes: readonly number[]): Parameters<typeof reduceMaxGrad>[4] => ({ sizes, strides: stridesOf(sizes), axes: [1] });
    assert.throws(() => reduceMaxGrad(t, t, large, large, of([2, 0])), { code: "SHAPE_MISMATCH", message: /tensor\/reduce-max-grad: expected size 1/ });
    assert.throws(() => reduceMaxGrad(t, t, large, large, of([5, 2])), { code: "SHAPE_MISMATCH", message: /expected x to hold 10 elements, got 9/ });
    assert.throws(() => reduceMaxGrad(t, t, large, large, of([3, 3])), { code: "SHAPE_MISMATCH", message: /expected dy to hold 3 elements, got 2/ });
  }));
});
