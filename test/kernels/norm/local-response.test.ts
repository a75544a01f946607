import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { localResponse, type LocalResponseShape } from "../../../services/engine/kernels/norm/local-response.ts";
import { localResponseReference } from "../../../services/engine/reference/norm/local-response.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeLocalResponse, localResponseCases } from "./local-response-cases.ts";

describe("norm/local-response", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, shape: LocalResponseShape): Promise<Float32Array> =>
    (await launch(gpu, { y: x.length }, (scope, { y }) => localResponse(uploadF32(scope, "x", x), y, shape))).y;
  const input = ({ n, channels, inner }: LocalResponseShape): Float64Array => uniform(1, n * channels * inner, 2);

  for (const shape of localResponseCases) it(`matches the reference at ${describeLocalResponse(shape)}`, async () => {
    assertClose(await run(input(shape), shape), localResponseReference(input(shape), shape), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const shape: LocalResponseShape = { n: 5, channels: 30, inner: 10, size: 3, alpha: 1, beta: 0.75, bias: 1 };
    const once = await run(input(shape), shape);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(input(shape), shape), once));
    assert.deepEqual(await run(input(shape), shape), once);
  });

  it("puts the odd channel of an even window above: the numbers of ONNX's formula by hand", async () => {
    const shape: LocalResponseShape = { n: 1, channels: 3, inner: 1, size: 2, alpha: 2, beta: 1, bias: 1 }; // s = 1 + x[c]² + x[c + 1]²
    assertClose(await run(Float64Array.of(1, 2, 3), shape), [1 / 6, 2 / 14, 3 / 10], TOLERANCE.elementwise);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { n: 2, channels: 3, inner: 1, size: 3, alpha: 1, beta: 0.75, bias: 1 }];
    assert.throws(() => localResponse(long, long, { ...shape, size: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/local-response: expected size/ });
    assert.throws(() => localResponse(short, long, shape), { code: "SHAPE_MISMATCH", message: /expected x to hold 6/ });
    assert.throws(() => localResponse(long, short, shape), { code: "SHAPE_MISMATCH", message: /expected y to hold 6/ });
    assert.throws(() => localResponse(long, long, { ...shape, alpha: -1 }), { code: "VALUE_RANGE", message: /expected alpha/ });
    assert.throws(() => localResponse(long, long, { ...shape, beta: NaN }), { code: "VALUE_RANGE", message: /expected beta/ });
    assert.throws(() => localResponse(long, long, { ...shape, bias: 0 }), { code: "VALUE_RANGE", message: /expected bias/ });
    scope.dispose();
  });
});
