import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector, pad4 } from "../../../services/engine/graph/layout.ts";
import { batchGradSums, scratchElements } from "../../../services/engine/kernels/norm/batch-grad-sums.ts";
import { batchApplyReference, type NormNchw } from "../../../services/engine/reference/norm/batch-apply.ts";
import { batchGradSumsReference } from "../../../services/engine/reference/norm/batch-grad-sums.ts";
import type { Nchw } from "../../../services/engine/reference/norm/channels.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { between, describeNchw, normCases, rowsOf, sizeOf } from "./cases.ts";

describe("norm/batch-grad-sums", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical sums, padding lanes included; `scratch` is checked for stray writes too. */
  const run = (dy: Float64Array, x: Float64Array, mean: Float64Array, variance: Float64Array, shape: NormNchw): Promise<{ sumDy: Float32Array; sumDyXhat: Float32Array; scratch: Float32Array }> => {
    const size = { rows: rowsOf(shape), c: shape.c, epsilon: shape.epsilon };
    const sides = [shape.n, shape.c, shape.h, shape.w] as const;
    return launch(gpu, { sumDy: pad4(shape.c), sumDyXhat: pad4(shape.c), scratch: scratchElements(size) }, (scope, t) => batchGradSums(
      uploadF32(scope, "dy", packActivation(dy, sides)), uploadF32(scope, "x", packActivation(x, sides)),
      uploadF32(scope, "mean", packVector(mean)), uploadF32(scope, "variance", packVector(variance)), t.sumDy, t.sumDyXhat, t.scratch, size,
    ));
  };
  const check = async (shape: Nchw): Promise<void> => {
    const [dy, x, mean, variance] = [uniform(1, sizeOf(shape)), uniform(2, sizeOf(shape)), uniform(3, shape.c), between(4, shape.c, 0.1, 2)];
    const full = { ...shape, epsilon: 1e-5 };
    const { sumDy, sumDyXhat } = await run(dy, x, mean, variance, full);
    const expected = batchGradSumsReference(dy, x, mean, variance, full);
    assertClose(sumDy, packVector(expected.sumDy), TOLERANCE.reduction(rowsOf(shape)));
    assertClose(sumDyXhat, packVector(expected.sumDyXhat), TOLERANCE.reduction(rowsOf(shape)));
  };

  for (const shape of normCases) it(`matches the reference at ${describeNchw(shape)}`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 2, c: 40, h: 7, w: 7 })));

  it("is the gradient of beta and gamma: the reference agrees with central differences", () => {
    const shape = { n: 2, c: 3, h: 2, w: 2, epsilon: 0.01 };
    const [dy, x, mean, variance] = [uniform(1, 24), uniform(2, 24), uniform(3, 3), between(4, 3, 0.1, 2)];
    const [gamma, beta] = [uniform(5, 3), uniform(6, 3)];
    const { sumDy, sumDyXhat } = batchGradSumsReference(dy, x, mean, variance, shape);
    assertClose(sumDy, centralDifferences((b) => dot(batchApplyReference(x, mean, variance, gamma, b, shape), dy), beta), DIFFERENCES);
    assertClose(sumDyXhat, centralDifferences((g) => dot(batchApplyReference(x, mean, variance, g, beta, shape), dy), gamma), DIFFERENCES);
  });

  it("counts rows when dy is 1, and sums nothing when x is the mean", async () => {
    const { sumDy, sumDyXhat, scratch } = await run(new Float64Array(150).fill(1), new Float64Array(150).fill(0.75), new Float64Array(3).fill(0.75), new Float64Array(3).fill(1), { n: 2, c: 3, h: 5, w: 5, epsilon: 1e-5 });
    assert.deepEqual([...sumDy, ...sumDyXhat], [50, 50, 50, 0, 0, 0, 0, 0]);
    assert.deepEqual([...scratch].filter((_, i) => i % 8 === 0), [8, 8, 8, 8, 8, 8, 2]); // each slice counts its own rows
  });

  it("keeps its digits when x is far from 0", async () => {
    const shape = { n: 500, c: 2, h: 1, w: 1, epsilon: 1e-5 };
    const dy = uniform(1, 1000);
    const x = uniform(2, 1000).map((v) => Math.fround(1000 + v));
    const [mean, variance] = [Float64Array.of(1000, 1000), Float64Array.of(0.3, 0.3)];
    const expected = batchGradSumsReference(dy, x, mean, variance, shape);
    assertClose((await run(dy, x, mean, variance, shape)).sumDyXhat, packVector(expected.sumDyXhat), TOLERANCE.reduction(500));
  });

  it("repeats to the bit", async () => {
    const run1 = (): Promise<unknown> => run(uniform(8, 3000), uniform(9, 3000), uniform(3, 5), between(4, 5, 0.1, 2), { n: 6, c: 5, h: 10, w: 10, epsilon: 1e-5 });
    assert.deepEqual(await run1(), await run1());
  });

  it("refuses an empty shape, short buffers and epsilon 0 by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [128])];
    const shape = { rows: 5, c: 5, epsilon: 1e-5 };
    assert.throws(() => batchGradSums(long, long, long, long, long, long, long, { ...shape, rows: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/batch-grad-sums: expected rows/ });
    assert.throws(() => batchGradSums(long, long, long, long, long, long, long, { ...shape, epsilon: 0 }), { code: "VALUE_RANGE", message: /norm\/batch-grad-sums: expected epsilon/ });
    for (const [place, name] of ["dy", "x", "mean", "variance", "sumDy", "sumDyXhat", "scratch"].entries()) {
      const t = (i: number): typeof long => (i === place ? short : long);
      assert.throws(() => batchGradSums(t(0), t(1), t(2), t(3), t(4), t(5), t(6), shape), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold`) });
    }
    scope.dispose();
  });
});
