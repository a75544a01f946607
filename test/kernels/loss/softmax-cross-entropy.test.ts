import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures } from "../../../services/engine/graph/layout.ts";
import type { LogitShape } from "../../../services/engine/kernels/loss/rows.ts";
import { softmaxCrossEntropy } from "../../../services/engine/kernels/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyReference } from "../../../services/engine/reference/loss/softmax-cross-entropy.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { labelsFor, logitsFor, lossCases } from "./cases.ts";

describe("loss/softmax-cross-entropy", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (logits: Float64Array, labels: Uint32Array, shape: LogitShape, packed = packFeatures(logits, shape.n, shape.k)): Promise<Float32Array> =>
    (await launch(gpu, { loss: shape.n }, (scope, { loss }) => softmaxCrossEntropy(uploadF32(scope, "logits", packed), uploadU32(scope, "labels", labels), loss, shape))).loss;
  const check = async (shape: LogitShape): Promise<void> => {
    const [logits, labels] = [logitsFor(shape.n, shape), labelsFor(1, shape)];
    assertClose(await run(logits, labels, shape), softmaxCrossEntropyReference(logits, labels, shape), TOLERANCE.elementwise);
  };

  for (const shape of [...lossCases, { n: 3, k: 1 }]) it(`matches the reference at [${shape.n}, ${shape.k}]`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 100, k: 3 })));

  it("is log k where all logits are equal, however large", async () => {
    for (const value of [0, 1e4, -1e4]) assertClose(await run(new Float64Array(10).fill(value), Uint32Array.of(3), { n: 1, k: 10 }), [Math.log(10)], TOLERANCE.elementwise);
  });

  it("does not change when all logits of an image move by 1000", async () => {
    const shape = { n: 20, k: 10 };
    const logits = logitsFor(4, shape).map((v) => Math.round(v * 64) / 64); // so that adding 1000 is exact
    assert.deepEqual(await run(logits.map((v) => v + 1000), labelsFor(2, shape), shape), await run(logits, labelsFor(2, shape), shape));
  });

  it("keeps the digits of the loss of a sure image", async () => {
    // gap g between the label and 3 others: log(1 + 3·e^-g), which 1 + … loses from g ≈ 18 on
    const gaps = [2, 5, 5.3, 6, 10, 20, 40, 80];
    const logits = Float64Array.from(gaps.flatMap((g) => [0, Math.fround(g), 0, 0]));
    const loss = await run(logits, new Uint32Array(gaps.length).fill(1), { n: gaps.length, k: 4 });
    assertClose(loss, softmaxCrossEntropyReference(logits, new Uint32Array(gaps.length).fill(1), { n: gaps.length, k: 4 }), { atol: 0, rtol: 2e-5 }); // exp and log of WGSL
  });

  it("is the logit gap for a lost image", async () => {
    assertClose(await run(Float64Array.of(0, 500, 0), Uint32Array.of(2), { n: 1, k: 3 }), [500], TOLERANCE.elementwise);
  });

  it("does not look at padding lanes", async () => {
    const [logits, labels, shape] = [logitsFor(1, { n: 3, k: 5 }), Uint32Array.of(0, 4, 2), { n: 3, k: 5 }];
    const padded = packFeatures(logits, 3, 5).map((v, i) => (i % 8 < 5 ? v : 1e4));
    assert.deepEqual(await run(logits, labels, shape, padded), await run(logits, labels, shape));
  });

  it("gives an image the same bits in any batch, and a label out of range those of the last class", async () => {
    const [logits, labels] = [logitsFor(5, { n: 9, k: 10 }), labelsFor(3, { n: 9, k: 10 })];
    const all = await run(logits, labels, { n: 9, k: 10 });
    assert.deepEqual(all.slice(4, 5), await run(logits.slice(40, 50), labels.slice(4, 5), { n: 1, k: 10 }));
    const outside = await run(logits.slice(0, 10), Uint32Array.of(0xffff_ffff), { n: 1, k: 10 });
    assert.deepEqual(outside, await run(logits.slice(0, 10), Uint32Array.of(9), { n: 1, k: 10 }));
  });

  it("repeats to the bit", async () => {
    const shape = { n: 50, k: 10 };
    assert.deepEqual(await run(logitsFor(1, shape), labelsFor(1, shape), shape), await run(logitsFor(1, shape), labelsFor(1, shape), shape));
  });

  it("refuses an empty shape, short buffers and labels that are no integers by name", () => {
    const scope = gpu.scope("test");
    const [short, long, labels, few] = [scope.tensor("short", [4]), scope.tensor("long", [64]), scope.tensor("labels", [8], "u32"), scope.tensor("few", [4], "u32")];
    const shape = { n: 5, k: 5 };
    assert.throws(() => softmaxCrossEntropy(long, labels, long, { n: 0, k: 5 }), { code: "SHAPE_MISMATCH", message: /loss\/softmax-cross-entropy: expected n/ });
    assert.throws(() => softmaxCrossEntropy(long, labels, long, { n: 5, k: 0 }), { code: "SHAPE_MISMATCH", message: /expected k/ });
    assert.throws(() => softmaxCrossEntropy(short, labels, long, shape), { code: "SHAPE_MISMATCH", message: /expected logits to hold 40/ });
    assert.throws(() => softmaxCrossEntropy(long, few, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to hold 5/ });
    assert.throws(() => softmaxCrossEntropy(long, labels, short, shape), { code: "SHAPE_MISMATCH", message: /expected loss to hold 5/ });
    assert.throws(() => softmaxCrossEntropy(long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to be u32, got f32/ });
    scope.dispose();
  });
});
