import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packFeatures } from "../../../services/engine/graph/layout.ts";
import type { LogitShape } from "../../../services/engine/kernels/loss/rows.ts";
import { selectLogit } from "../../../services/engine/kernels/loss/select-logit.ts";
import { selectLogitReference } from "../../../services/engine/reference/loss/select-logit.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { labelsFor, logitsFor, lossCases } from "./cases.ts";

describe("loss/select-logit", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (logits: Float64Array, labels: Uint32Array, shape: LogitShape): Promise<Float32Array> =>
    (await launch(gpu, { y: shape.n }, (scope, { y }) => selectLogit(uploadF32(scope, "logits", packFeatures(logits, shape.n, shape.k)), uploadU32(scope, "labels", labels), y, shape))).y;
  const check = async (shape: LogitShape): Promise<void> => {
    const [logits, labels] = [logitsFor(shape.n, shape), labelsFor(1, shape)];
    assert.deepEqual(await run(logits, labels, shape), Float32Array.from(selectLogitReference(logits, labels, shape)));
  };

  for (const shape of [...lossCases, { n: 3, k: 1 }]) it(`matches the reference at [${shape.n}, ${shape.k}]`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 100, k: 3 })));

  it("reads the diagonal with labels 0, 1, 2 …, and the last class for a label out of range", async () => {
    const logits = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert.deepEqual(await run(logits, Uint32Array.of(0, 1, 2), { n: 3, k: 3 }), Float32Array.of(1, 5, 9));
    assert.deepEqual(await run(logits, Uint32Array.of(3, 99, 0xffff_ffff), { n: 3, k: 3 }), Float32Array.of(3, 6, 9));
  });

  it("repeats to the bit", async () => {
    const shape = { n: 50, k: 10 };
    assert.deepEqual(await run(logitsFor(1, shape), labelsFor(1, shape), shape), await run(logitsFor(1, shape), labelsFor(1, shape), shape));
  });

  it("refuses an empty shape, short buffers and labels that are no integers by name", () => {
    const scope = gpu.scope("test");
    const [short, long, labels, few] = [scope.tensor("short", [4]), scope.tensor("long", [64]), scope.tensor("labels", [8], "u32"), scope.tensor("few", [4], "u32")];
    const shape = { n: 5, k: 5 };
    assert.throws(() => selectLogit(long, labels, long, { n: 0, k: 5 }), { code: "SHAPE_MISMATCH", message: /loss\/select-logit: expected n/ });
    assert.throws(() => selectLogit(short, labels, long, shape), { code: "SHAPE_MISMATCH", message: /expected logits to hold 40/ });
    assert.throws(() => selectLogit(long, few, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to hold 5/ });
    assert.throws(() => selectLogit(long, labels, short, shape), { code: "SHAPE_MISMATCH", message: /expected y to hold 5/ });
    assert.throws(() => selectLogit(long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to be u32/ });
    scope.dispose();
  });
});
