import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { packFeatures, pad4 } from "../../../services/engine/graph/layout.ts";
import type { LogitShape } from "../../../services/engine/kernels/loss/rows.ts";
import { selectLogitGrad } from "../../../services/engine/kernels/loss/select-logit-grad.ts";
import { selectLogitGradReference } from "../../../services/engine/reference/loss/select-logit-grad.ts";
import { selectLogitReference } from "../../../services/engine/reference/loss/select-logit.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { labelsFor, logitsFor, lossCases } from "./cases.ts";

describe("loss/select-logit-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  /** Physical dlogits, padding lanes included. */
  const run = async (labels: Uint32Array, shape: LogitShape, scale: number | Dynamic = 1, values?: ReadonlyMap<Dynamic, number>): Promise<Float32Array> =>
    (await launch(gpu, { dlogits: shape.n * pad4(shape.k) }, (scope, { dlogits }) => selectLogitGrad(uploadU32(scope, "labels", labels), dlogits, { ...shape, scale }), values)).dlogits;
  const check = async (shape: LogitShape): Promise<void> => {
    const labels = labelsFor(1, shape);
    assert.deepEqual(await run(labels, shape, -0.375), packFeatures(selectLogitGradReference(labels, { ...shape, scale: -0.375 }), shape.n, shape.k));
  };

  for (const shape of [...lossCases, { n: 3, k: 1 }]) it(`matches the reference at [${shape.n}, ${shape.k}]`, () => check(shape));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check({ n: 100, k: 3 })));

  it("is the derivative of the selected logit: the reference agrees with central differences", () => {
    const shape = { n: 4, k: 5 };
    const labels = labelsFor(1, shape);
    const weights = new Float64Array(4).fill(2);
    assertClose(selectLogitGradReference(labels, { ...shape, scale: 2 }), centralDifferences((v) => dot(selectLogitReference(v, labels, shape), weights), logitsFor(2, shape)), DIFFERENCES);
  });

  it("takes its scale late, and a label out of range as the last class", async () => {
    const scale = new Dynamic("scale");
    assert.deepEqual(await run(Uint32Array.of(7, 0), { n: 2, k: 3 }, scale, new Map([[scale, 5]])), Float32Array.of(0, 0, 5, 0, 5, 0, 0, 0));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(labelsFor(1, { n: 50, k: 10 }), { n: 50, k: 10 }), await run(labelsFor(1, { n: 50, k: 10 }), { n: 50, k: 10 }));
  });

  it("refuses an empty shape, short buffers and a scale that is not finite by name", () => {
    const scope = gpu.scope("test");
    const [short, long, labels] = [scope.tensor("short", [4]), scope.tensor("long", [64]), scope.tensor("labels", [4], "u32")];
    const shape = { n: 3, k: 5, scale: 1 };
    assert.throws(() => selectLogitGrad(labels, long, { ...shape, k: 0 }), { code: "SHAPE_MISMATCH", message: /loss\/select-logit-grad: expected k/ });
    assert.throws(() => selectLogitGrad(labels, long, { ...shape, scale: Infinity }), { code: "VALUE_RANGE", message: /expected scale/ });
    assert.throws(() => selectLogitGrad(labels, short, shape), { code: "SHAPE_MISMATCH", message: /expected dlogits to hold 24/ });
    assert.throws(() => selectLogitGrad(labels, long, { ...shape, n: 5 }), { code: "SHAPE_MISMATCH", message: /expected labels to hold 5/ });
    assert.throws(() => selectLogitGrad(long, long, shape), { code: "SHAPE_MISMATCH", message: /expected labels to be u32/ });
    scope.dispose();
  });
});
