import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { LocalResponseShape } from "../../../services/engine/kernels/norm/local-response.ts";
import { localResponseGrad } from "../../../services/engine/kernels/norm/local-response-grad.ts";
import { localResponseReference } from "../../../services/engine/reference/norm/local-response.ts";
import { localResponseGradReference } from "../../../services/engine/reference/norm/local-response-grad.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeLocalResponse, localResponseCases } from "./local-response-cases.ts";

describe("norm/local-response-grad", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, x: Float64Array, shape: LocalResponseShape): Promise<Float32Array> =>
    (await launch(gpu, { dx: x.length }, (scope, { dx }) => localResponseGrad(uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), dx, shape))).dx;
  const inputs = ({ n, channels, inner }: LocalResponseShape): [Float64Array, Float64Array] => [uniform(2, n * channels * inner), uniform(1, n * channels * inner, 2)];

  for (const shape of localResponseCases) it(`matches the reference at ${describeLocalResponse(shape)}`, async () => {
    const [dy, x] = inputs(shape);
    assertClose(await run(dy, x, shape), localResponseGradReference(dy, x, shape), { ...TOLERANCE.elementwise, atol: 1e-5 }); // the two terms, each of order 1 to 10, cancel
  });

  it("is the gradient: the reference agrees with central differences", () => {
    for (const size of [3, 4]) {
      const shape: LocalResponseShape = { n: 2, channels: 5, inner: 2, size, alpha: 2, beta: 0.75, bias: 1 };
      const [dy, x] = inputs(shape);
      assertClose(localResponseGradReference(dy, x, shape), centralDifferences((v) => dot(localResponseReference(v, shape), dy), x), DIFFERENCES);
    }
  });

  it("is a scaling where alpha is 0", async () => {
    const shape: LocalResponseShape = { n: 1, channels: 9, inner: 3, size: 5, alpha: 0, beta: 2, bias: 0.5 };
    const [dy, x] = inputs(shape);
    assertClose(await run(dy, x, shape), dy.map((v) => 4 * v), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const shape: LocalResponseShape = { n: 5, channels: 30, inner: 10, size: 3, alpha: 1, beta: 0.75, bias: 1 };
    const once = await run(...inputs(shape), shape);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(...inputs(shape), shape), once));
    assert.deepEqual(await run(...inputs(shape), shape), once);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { n: 2, channels: 3, inner: 1, size: 3, alpha: 1, beta: 0.75, bias: 1 }];
    assert.throws(() => localResponseGrad(long, long, long, { ...shape, n: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/local-response-grad: expected n/ });
    assert.throws(() => localResponseGrad(short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected dy to hold 6/ });
    assert.throws(() => localResponseGrad(long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected x to hold 6/ });
    assert.throws(() => localResponseGrad(long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected dx to hold 6/ });
    assert.throws(() => localResponseGrad(long, long, long, { ...shape, bias: -1 }), { code: "VALUE_RANGE", message: /expected bias/ });
    scope.dispose();
  });
});
