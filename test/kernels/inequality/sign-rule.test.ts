import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { signRule } from "../../../services/engine/kernels/inequality/sign-rule.ts";
import { signRuleReference } from "../../../services/engine/reference/inequality/sign-rule.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { withScope } from "../../support/rows.ts";

describe("inequality/sign-rule", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (map: Float64Array, mode: "absolute" | "positive"): Promise<Float32Array> => withScope(gpu, async (scope) => {
    const y = canary(scope, "y", map.length, -7);
    return runChecked(gpu, [signRule(uploadF32(scope, "map", map), y, { n: map.length, mode })], y, map.length, -7);
  });

  // One; a prime; one under, at and over a workgroup's 256 elements; large.
  for (const n of [1, 31, 255, 256, 257, 3001]) {
    it(`matches the reference at [${n}], both rules`, async () => {
      for (const mode of ["absolute", "positive"] as const) assert.deepEqual(await run(uniform(n, n), mode), Float32Array.from(signRuleReference(uniform(n, n), mode)));
    });
  }

  it("undoes the fold of the grid", () => withGridLimit(gpu, 3, async () => {
    assert.deepEqual(await run(uniform(1, 2565), "positive"), Float32Array.from(signRuleReference(uniform(1, 2565), "positive")));
  }));

  it("is even (absolute), splits a map into its two signs (positive), and never negative", async () => {
    const map = uniform(2, 500);
    const minus = map.map((v) => -v);
    const absolute = await run(map, "absolute");
    assert.deepEqual(await run(minus, "absolute"), absolute);
    const [up, down] = [await run(map, "positive"), await run(minus, "positive")];
    absolute.forEach((v, i) => assert.ok(v >= 0 && up[i]! >= 0 && up[i]! + down[i]! === v));
  });

  it("repeats to the bit", async () => assert.deepEqual(await run(uniform(3, 999), "absolute"), await run(uniform(3, 999), "absolute")));

  it("refuses by code", () => withScope(gpu, async (scope) => {
    const t = scope.tensor("t", [4]);
    assert.throws(() => signRule(t, t, { n: 0, mode: "absolute" }), { code: "SHAPE_MISMATCH", message: /inequality\/sign-rule: expected n/ });
    assert.throws(() => signRule(t, t, { n: 5, mode: "absolute" }), { code: "SHAPE_MISMATCH", message: /expected map to hold 5/ });
  }));
});
