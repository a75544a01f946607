import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { inductiveNoise } from "../../../services/engine/kernels/attack/inductive-noise.ts";
import { Rng } from "../../../services/common/rng.ts";
import { inductiveNoiseReference } from "../../../services/engine/reference/attack/inductive-noise.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, uploadU32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("attack/inductive-noise", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  type Options = { k: number; type: 1 | 2; low?: number; high?: number };
  const run = (x: Float64Array, rank: Uint32Array, z: Float64Array, options: Options): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const output = canary(scope, "y", x.length, -7);
    const step = inductiveNoise(uploadF32(scope, "x", x), uploadU32(scope, "rank", rank), uploadF32(scope, "z", z), output, { n: 1, m: x.length, ...options });
    return runChecked(gpu, [step], output, x.length, -7);
  });
  const inputs = (m: number): [Float64Array, Uint32Array, Float64Array] => [uniform(m, m).map((v) => Math.fround((v + 1) / 2)), new Rng(m, 1).permutation(m), uniform(m + 1, m, 2)];

  // One; a prime; one under, at and over a workgroup's 256 elements; large.
  for (const m of [1, 31, 255, 256, 257, 3072]) {
    it(`matches the reference at [${m}], both types, for no, some and all sub-pixels`, async () => {
      for (const type of [1, 2] as const) for (const k of [0, Math.ceil(m / 3), m, m + 9]) {
        assertClose(await run(...inputs(m), { k, type }), inductiveNoiseReference(...inputs(m), { k, type }), TOLERANCE.elementwise);
      }
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    assertClose(await run(...inputs(2565), { k: 700, type: 1 }), inductiveNoiseReference(...inputs(2565), { k: 700, type: 1 }), TOLERANCE.elementwise);
  }));

  it("touches exactly k sub-pixels, those of rank below k", async () => {
    const [x, rank] = inputs(1000);
    const y = await run(x, rank, new Float64Array(1000).fill(3), { k: 37, type: 2, low: -10, high: 10 });
    y.forEach((v, i) => assert.equal(v, rank[i]! < 37 ? 3 : x[i]!));
  });

  it("clips to the range given, not to [0, 1], and only there", async () => {
    const y = await run(Float64Array.of(0.5, 0.5, -4), Uint32Array.of(0, 1, 2), Float64Array.of(9, -9, 0), { k: 2, type: 1, low: -2, high: 3 });
    assert.deepEqual([...y], [3, -2, -2]);
  });

  it("takes k at run time", () => withScope(gpu, async (scope) => {
    const [x, rank, z] = inputs(50);
    const k = new Dynamic("k");
    const y = scope.tensor("y", [50]);
    const step = inductiveNoise(uploadF32(scope, "x", x), uploadU32(scope, "rank", rank), uploadF32(scope, "z", z), y, { n: 5, m: 10, k, type: 2 });
    await runOnce(gpu, "test", [step], new Map([[k, 4]]));
    assertClose(await gpu.readF32(y), inductiveNoiseReference(x, rank, z, { k: 4, type: 2 }), TOLERANCE.elementwise);
  }));

  it("repeats to the bit", async () => assert.deepEqual(await run(...inputs(999), { k: 100, type: 1 }), await run(...inputs(999), { k: 100, type: 1 })));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    const rank = scope.tensor("rank", [4], "u32");
    const options = { n: 1, m: 4, k: 1, type: 1 as 1 | 2 };
    assert.throws(() => inductiveNoise(t, rank, t, t, { ...options, n: 0 }), { code: "SHAPE_MISMATCH", message: /attack\/inductive-noise: expected n/ });
    assert.throws(() => inductiveNoise(t, t, t, t, options), { code: "SHAPE_MISMATCH", message: /expected rank to be u32/ });
    assert.throws(() => inductiveNoise(t, rank, t, t, { ...options, m: 5 }), { code: "SHAPE_MISMATCH", message: /expected x to hold 5/ });
    assert.throws(() => inductiveNoise(t, rank, t, t, { ...options, k: 1.5 }), { code: "VALUE_RANGE", message: /expected k to be a u32/ });
    assert.throws(() => inductiveNoise(t, rank, t, t, { ...options, type: 3 as 1 }), { code: "VALUE_RANGE", message: /expected type/ });
    assert.throws(() => inductiveNoise(t, rank, t, t, { ...options, low: 1, high: 0 }), { code: "VALUE_RANGE", message: /expected low/ });
  }));
});
