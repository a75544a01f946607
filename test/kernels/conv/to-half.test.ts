import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { halfElements, toHalf } from "../../../services/engine/kernels/conv/to-half.ts";
import { toHalfReference } from "../../../services/engine/reference/conv/to-half.ts";
import { assertClose } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { unpackHalves } from "../../support/half.ts";
import { uniform } from "../../support/random.ts";
import { guarded, runSteps } from "./suite.ts";

/** One step of f16, because WGSL may round to either neighbour; and it may flush what is below the smallest normal f16. */
const TO_F16 = { atol: 2 ** -14, rtol: 2 ** -10 };

describe("conv/to-half", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: ArrayLike<number>): Promise<Float64Array> => {
    const words = await runSteps(gpu, halfElements(x.length), (y, scope) => [toHalf(guarded(scope, "x", Float32Array.from(x)), y, x.length)]);
    return unpackHalves(new Uint32Array(words.buffer, words.byteOffset, words.length));
  };

  // In vec4: one; a prime count; one under, at and over a workgroup's 64; many.
  for (const n of [4, 52, 252, 256, 260, 40_028]) {
    it(`matches the reference: ${n}`, async () => {
      const x = uniform(n, n, 100);
      assertClose(await run(x), toHalfReference(x), TO_F16);
    });
  }

  it("keeps what an f16 can hold, to the bit", async () => {
    const exact = [0, 1, -1, 0.5, 2047, -2048, 65504, -65504, 2 ** -14, 1 + 2 ** -10, 3.140625, -0.0999755859375];
    assert.deepEqual(await run(exact), Float64Array.from(exact));
    assert.deepEqual(toHalfReference(exact), Float64Array.from(exact));
  });

  it("makes no infinity of what is too large", async () => assert.deepEqual(await run([65519, 65520, -1e5, 3e38]), Float64Array.of(65504, 65504, -65504, 65504)));

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const x = uniform(1, 3000);
    const once = await run(x);
    await withGridLimit(gpu, 2, async () => assert.deepEqual(await run(x), once));
    assert.deepEqual(await run(x), once);
  });

  it("refuses sizes that do not fit by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(8));
    assert.throws(() => toHalf(t, t, 0), { code: "SHAPE_MISMATCH", message: /conv\/to-half: expected n/ });
    assert.throws(() => toHalf(t, t, 6), { code: "SHAPE_MISMATCH", message: /expected n to be a multiple of 4, got 6/ });
    assert.throws(() => toHalf(t, t, 12), { code: "SHAPE_MISMATCH", message: /expected x to hold 12 elements/ });
    assert.throws(() => toHalf(uploadF32(scope, "u", new Float32Array(20)), t, 20), { code: "SHAPE_MISMATCH", message: /expected y to hold 10 elements/ });
    scope.dispose();
  });
});

describe("toHalfReference", () => {
  it("rounds to the nearest, ties to even", () => {
    const step = 2 ** -10;
    assert.deepEqual(toHalfReference([1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, 2 ** -25, 2 ** -24]), Float64Array.of(1, 1 + 2 * step, 1 + step, 0, 2 ** -24));
  });
});
