import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { multiplyAdd, multiplyAddFlop, multiplyAddReference, multiplyAddSpec } from "../bench/peak.ts";
import { canary, closeTestGpu, runChecked, testGpu } from "../support/gpu.ts";

const SENTINEL = -77_777;
let gpu: Gpu;
before(async () => { gpu = await testGpu(); });
after(closeTestGpu);

describe("the multiply-add kernel", () => {
  for (const n of [1, 63, 65, 1000]) {
    it(`computes every step that its rate counts: ${n} invocations`, async () => {
      const scope = gpu.scope("test");
      try {
        // Nearly 1 per step, so that a step left out shows; 0.5, as in the benchmark, would forget.
        const options = { n, rounds: 3, factor: 0.999, addend: 0.001 };
        const y = canary(scope, "y", n, SENTINEL);
        const found = await runChecked(gpu, [multiplyAdd(y, options)], y, n, SENTINEL);
        const truth = multiplyAddReference(options);
        found.forEach((value, i) => assert.ok(Math.abs(value - truth[i]!) < 1e-4 * Math.abs(truth[i]!), `[${i}] ${value}, expected ${truth[i]}`));
      } finally { scope.dispose(); }
    });
  }

  it("counts two operations per step and chain", () => {
    const { CHAINS, UNROLL } = multiplyAddSpec.template!;
    assert.equal(multiplyAddFlop({ n: 7, rounds: 3 }), 2 * 7 * 3 * CHAINS! * UNROLL!);
  });
});
