import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures } from "../../../services/engine/graph/layout.ts";
import { margin } from "../../../services/engine/kernels/loss/margin.ts";
import type { LogitShape } from "../../../services/engine/kernels/loss/rows.ts";
import { marginReference } from "../../../services/engine/reference/loss/margin.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { canaryU32, readCanary, withScope } from "../../support/rows.ts";
import { labelsFor, logitsFor, lossCases } from "./cases.ts";

const SENTINEL = -77_777;
const SENTINEL_U32 = 0xdead_beef;

describe("loss/margin", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (logits: Float64Array, labels: Uint32Array, shape: LogitShape): Promise<{ y: Float32Array; prediction: Uint32Array }> => withScope(gpu, async (scope) => {
    const [y, prediction] = [canary(scope, "y", shape.n, SENTINEL), canaryU32(scope, "prediction", shape.n, SENTINEL_U32)];
    const step = margin(uploadF32(scope, "logits", packFeatures(logits, shape.n, shape.k)), uploadU32(scope, "labels", labels), y, prediction, shape);
    const margins = await runChecked(gpu, [step], y, shape.n, SENTINEL);
    return { y: margins, prediction: (await readCanary(gpu, prediction, shape.n, SENTINEL_U32)) as Uint32Array };
  });
  const check = async (shape: LogitShape, logits = logitsFor(shape.n, shape)): Promise<void> => {
    const expected = marginReference(logits, labelsFor(1, shape), shape);
    const { y, prediction } = await run(logits, labelsFor(1, shape), shape);
    assert.deepEqual(y, Float32Array.from(expected.y)); // a difference of two is rounded once
    assert.deepEqual(prediction, expected.prediction);
  };

  for (const shape of lossCases) it(`matches the reference at [${shape.n}, ${shape.k}]`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 100, k: 3 })));

  it("predicts the first of equal maxima, and agrees with the reference where ties abound", async () => {
    const { y, prediction } = await run(Float64Array.of(1, 3, 3, /**/ 2, 2, 2, /**/ -5, -6, -5), Uint32Array.of(2, 0, 1), { n: 3, k: 3 });
    assert.deepEqual([...prediction], [1, 0, 0]);
    assert.deepEqual([...y], [0, 0, -1]);
    await check({ n: 60, k: 7 }, uniform(3, 420, 2).map(Math.round));
  });

  it("is above 0 exactly where the prediction is the label, without ties", async () => {
    const shape = { n: 60, k: 4 };
    const labels = labelsFor(2, shape);
    const { y, prediction } = await run(logitsFor(6, shape), labels, shape);
    assert.deepEqual(Array.from(y, (v) => v > 0), Array.from(prediction, (p, i) => p === labels[i]));
    assert.ok(y.some((v) => v > 0) && y.some((v) => v < 0));
  });

  it("does not let padding lanes win, and takes a label out of range as the last class", async () => {
    const { y, prediction } = await run(Float64Array.of(-3, -1, -2), Uint32Array.of(50), { n: 1, k: 3 });
    assert.deepEqual([y[0], prediction[0]], [-1, 1]);
  });

  it("repeats to the bit", async () => {
    const shape = { n: 50, k: 10 };
    assert.deepEqual(await run(logitsFor(1, shape), labelsFor(1, shape), shape), await run(logitsFor(1, shape), labelsFor(1, shape), shape));
  });

  it("refuses one class, an empty shape, short buffers and wrong types by name", () => {
    const scope = gpu.scope("test");
    const [short, long, labels, few] = [scope.tensor("short", [4]), scope.tensor("long", [64]), scope.tensor("labels", [8], "u32"), scope.tensor("few", [4], "u32")];
    const shape = { n: 5, k: 5 };
    assert.throws(() => margin(long, labels, long, labels, { n: 5, k: 1 }), { code: "SHAPE_MISMATCH", message: /loss\/margin: expected k ≥ 2/ });
    assert.throws(() => margin(long, labels, long, labels, { n: 0, k: 5 }), { code: "SHAPE_MISMATCH", message: /loss\/margin: expected n/ });
    assert.throws(() => margin(short, labels, long, labels, shape), { code: "SHAPE_MISMATCH", message: /expected logits to hold 40/ });
    assert.throws(() => margin(long, few, long, labels, shape), { code: "SHAPE_MISMATCH", message: /expected labels to hold 5/ });
    assert.throws(() => margin(long, labels, short, labels, shape), { code: "SHAPE_MISMATCH", message: /expected y to hold 5/ });
    assert.throws(() => margin(long, labels, long, few, shape), { code: "SHAPE_MISMATCH", message: /expected prediction to hold 5/ });
    assert.throws(() => margin(long, labels, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected prediction to be u32/ });
    scope.dispose();
  });
});
