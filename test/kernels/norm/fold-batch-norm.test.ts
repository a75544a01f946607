import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures, packVector, pad4, unpackFeatures } from "../../../services/engine/graph/layout.ts";
import { foldBatchNorm } from "../../../services/engine/kernels/norm/fold-batch-norm.ts";
import { batchApplyReference } from "../../../services/engine/reference/norm/batch-apply.ts";
import { foldBatchNormReference, type FoldVectors } from "../../../services/engine/reference/norm/fold-batch-norm.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { between } from "./cases.ts";

const EPSILON = 1e-5;

describe("norm/fold-batch-norm", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const vectors = (k: number, withBias: boolean): FoldVectors => ({
    gamma: uniform(2, k), beta: uniform(3, k), mean: uniform(4, k), variance: between(5, k, 0.1, 2), ...(withBias && { bias: uniform(6, k) }),
  });
  /** Physical weight and bias, padding lanes included. */
  const run = (w: Float64Array, v: FoldVectors, rows: number, k: number): Promise<{ wFolded: Float32Array; biasFolded: Float32Array }> =>
    launch(gpu, { wFolded: rows * pad4(k), biasFolded: pad4(k) }, (scope, outputs) => {
      const vector = (name: keyof FoldVectors): ReturnType<typeof uploadF32> => uploadF32(scope, name, packVector(v[name]!));
      const tensors = { w: uploadF32(scope, "w", packFeatures(w, rows, k)), gamma: vector("gamma"), beta: vector("beta"), mean: vector("mean"), variance: vector("variance"), bias: v.bias && vector("bias"), ...outputs };
      return foldBatchNorm(tensors, { rows, k, epsilon: EPSILON });
    });
  const check = async (rows: number, k: number, withBias: boolean): Promise<void> => {
    const [w, v] = [uniform(1, rows * k), vectors(k, withBias)];
    const expected = foldBatchNormReference(w, v, EPSILON);
    const { wFolded, biasFolded } = await run(w, v, rows, k);
    assertClose(wFolded, packFeatures(expected.wFolded, rows, k), TOLERANCE.elementwise);
    assertClose(biasFolded, packVector(expected.biasFolded), TOLERANCE.elementwise);
  };

  // One; primes; one under, at and over an invocation's 64 rows; large.
  for (const [rows, k] of [[1, 1], [7, 5], [63, 28], [64, 4], [65, 36], [576, 67]] as const) for (const withBias of [true, false]) {
    it(`matches the reference at [${rows}, ${k}], bias ${withBias}`, () => check(rows, k, withBias));
  }

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(90, 50, true)));

  it("makes one layer of two: x·w' + b' is batch norm of x·w + b", async () => {
    const [n, f, k] = [6, 9, 5];
    const [x, w, v] = [uniform(7, n * f), uniform(1, f * k), vectors(5, true)];
    const layer = (weight: ArrayLike<number>, bias: ArrayLike<number>): Float64Array => Float64Array.from({ length: n * k }, (_, at) => {
      const [i, o] = [Math.floor(at / k), at % k];
      return bias[o]! + Array.from({ length: f }, (_, j) => x[i * f + j]! * weight[j * k + o]!).reduce((sum, p) => sum + p, 0);
    });
    const folded = await run(w, v, f, k);
    const expected = batchApplyReference(layer(w, v.bias!), v.mean, v.variance, v.gamma, v.beta, { n, c: k, h: 1, w: 1, epsilon: EPSILON });
    assertClose(layer(unpackFeatures(folded.wFolded, f, k), folded.biasFolded), expected, TOLERANCE.reduction(f));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 500), vectors(5, true), 100, 5), await run(uniform(1, 500), vectors(5, true), 100, 5));
  });

  it("refuses an empty shape, short buffers and epsilon 0 by name", () => {
    const scope = gpu.scope("test");
    const [short, t] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    const all = { w: t, bias: t, gamma: t, beta: t, mean: t, variance: t, wFolded: t, biasFolded: t };
    const shape = { rows: 5, k: 5, epsilon: EPSILON };
    assert.throws(() => foldBatchNorm(all, { ...shape, rows: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/fold-batch-norm: expected rows/ });
    assert.throws(() => foldBatchNorm(all, { ...shape, epsilon: 0 }), { code: "VALUE_RANGE", message: /norm\/fold-batch-norm: expected epsilon/ });
    for (const name of Object.keys(all)) assert.throws(() => foldBatchNorm({ ...all, [name]: short }, shape), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold`) });
    scope.dispose();
  });
});
