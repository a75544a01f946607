import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { packFeatures, pad4 } from "../../../services/engine/graph/layout.ts";
import type { LogitShape } from "../../../services/engine/kernels/loss/rows.ts";
import { softmaxCrossEntropyGrad } from "../../../services/engine/kernels/loss/softmax-cross-entropy-grad.ts";
import { softmaxCrossEntropyGradReference } from "../../../services/engine/reference/loss/softmax-cross-entropy-grad.ts";
import { softmaxCrossEntropyReference } from "../../../services/engine/reference/loss/softmax-cross-entropy.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { labelsFor, logitsFor, lossCases } from "./cases.ts";

describe("loss/softmax-cross-entropy-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dlogits, padding lanes included. */
  const run = async (logits: Float64Array, labels: Uint32Array, shape: LogitShape, scale: number | Dynamic = 1, values?: ReadonlyMap<Dynamic, number>, packed = packFeatures(logits, shape.n, shape.k)): Promise<Float32Array> =>
    (await launch(gpu, { dlogits: shape.n * pad4(shape.k) }, (scope, { dlogits }) =>
      softmaxCrossEntropyGrad(uploadF32(scope, "logits", packed), uploadU32(scope, "labels", labels), dlogits, { ...shape, scale }), values)).dlogits;
  const check = async (shape: LogitShape, scale = 1): Promise<void> => {
    const [logits, labels] = [logitsFor(shape.n, shape), labelsFor(1, shape)];
    const expected = softmaxCrossEntropyGradReference(logits, labels, { ...shape, scale });
    assertClose(await run(logits, labels, shape, scale), packFeatures(expected, shape.n, shape.k), TOLERANCE.elementwise);
  };

  for (const shape of [...lossCases, { n: 3, k: 1 }]) it(`matches the reference at [${shape.n}, ${shape.k}]`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 100, k: 3 })));

  it("is the derivative of the loss: the reference agrees with central differences", () => {
    const shape = { n: 4, k: 5 };
    const [logits, labels] = [logitsFor(2, shape), labelsFor(1, shape)];
    const weights = new Float64Array(4).fill(-0.5);
    assertClose(softmaxCrossEntropyGradReference(logits, labels, { ...shape, scale: -0.5 }), centralDifferences((v) => dot(softmaxCrossEntropyReference(v, labels, shape), weights), logits), DIFFERENCES);
  });

  it("has the right tiny gradient for an image so sure that its softmax rounds to 1", async () => {
    const logits = Float64Array.of(0, 30, -3, 5, /**/ 1, 60, 2, -20);
    assert.equal(Math.fround(1 / (1 + Math.exp(-25))), 1); // what a difference p − 1 would be formed from
    const [labels, shape] = [Uint32Array.of(1, 1), { n: 2, k: 4 }];
    const dlogits = await run(logits, labels, shape);
    assertClose(dlogits, softmaxCrossEntropyGradReference(logits, labels, { ...shape, scale: 1 }), { atol: 0, rtol: 2e-5 }); // exp of WGSL
    assert.ok(dlogits[1]! < 0 && dlogits[5]! < 0);
  });

  it("does not overflow for a lost image, nor for logits far from 0", async () => {
    assert.deepEqual(await run(Float64Array.of(0, 500, 0), Uint32Array.of(2), { n: 1, k: 3 }), Float32Array.of(0, 1, -1, 0));
    assertClose(await run(new Float64Array(4).fill(1e4), Uint32Array.of(0), { n: 1, k: 4 }), [-0.75, 0.25, 0.25, 0.25], TOLERANCE.elementwise);
  });

  it("sums to 0 over the classes of an image", async () => {
    const shape = { n: 20, k: 9 };
    const dlogits = await run(logitsFor(3, shape), labelsFor(2, shape), shape);
    for (let i = 0; i < 20; i++) assert.ok(Math.abs(dlogits.subarray(i * 12, i * 12 + 12).reduce((sum, v) => sum + v, 0)) < 1e-6);
  });

  it("scales, by a number given late too", async () => {
    await check({ n: 6, k: 10 }, -1 / 6);
    const [shape, scale] = [{ n: 6, k: 10 }, new Dynamic("scale")];
    const [logits, labels] = [logitsFor(3, shape), labelsFor(2, shape)];
    assert.deepEqual(await run(logits, labels, shape, scale, new Map([[scale, 0.25]])), await run(logits, labels, shape, 0.25));
  });

  it("does not look at padding lanes", async () => {
    const [logits, labels, shape] = [logitsFor(1, { n: 3, k: 5 }), Uint32Array.of(0, 4, 2), { n: 3, k: 5 }];
    const padded = packFeatures(logits, 3, 5).map((v, i) => (i % 8 < 5 ? v : 1e4));
    assert.deepEqual(await run(logits, labels, shape, 1, undefined, padded), await run(logits, labels, shape));
  });

  it("gives an image the same bits in any batch, and a label out of range those of the last class", async () => {
    const [logits, labels] = [logitsFor(5, { n: 9, k: 10 }), labelsFor(3, { n: 9, k: 10 })];
    const all = await run(logits, labels, { n: 9, k: 10 });
    assert.deepEqual(all.slice(48, 60), await run(logits.slice(40, 50), labels.slice(4, 5), { n: 1, k: 10 }));
    const outside = await run(logits.slice(0, 10), Uint32Array.of(0xffff_ffff), { n: 1, k: 10 });
    assert.deepEqual(outside, await run(logits.slice(0, 10), Uint32Array.of(9), { n: 1, k: 10 }));
  });

  it("repeats to the bit", async () => {
    const shape = { n: 50, k: 10 };
    assert.deepEqual(await run(logitsFor(1, shape), labelsFor(1, shape), shape), await run(logitsFor(1, shape), labelsFor(1, shape), shape));
  });

  it("refuses an empty shape, short buffers and a scale that is not finite by name", () => {
    const scope = gpu.scope("test");
    const [short, long, labels] = [scope.tensor("short", [4]), scope.tensor("long", [64]), scope.tensor("labels", [8], "u32")];
    const shape = { n: 5, k: 5, scale: 1 };
    assert.throws(() => softmaxCrossEntropyGrad(long, labels, long, { ...shape, n: 0 }), { code: "SHAPE_MISMATCH", message: /loss\/softmax-cross-entropy-grad: expected n/ });
    assert.throws(() => softmaxCrossEntropyGrad(long, labels, long, { ...shape, scale: NaN }), { code: "VALUE_RANGE", message: /expected scale/ });
    assert.throws(() => softmaxCrossEntropyGrad(short, labels, long, shape), { code: "SHAPE_MISMATCH", message: /expected logits to hold 40/ });
    assert.throws(() => softmaxCrossEntropyGrad(long, labels, short, shape), { code: "SHAPE_MISMATCH", message: /expected dlogits to hold 40/ });
    assert.throws(() => softmaxCrossEntropyGrad(long, labels, long, { ...shape, n: 9, k: 1 }), { code: "SHAPE_MISMATCH", message: /expected labels to hold 9/ });
    assert.throws(() => softmaxCrossEntropyGrad(long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to be u32/ });
    scope.dispose();
  });
});
