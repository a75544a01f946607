import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packVector } from "../../../services/engine/graph/layout.ts";
import { runningUpdate } from "../../../services/engine/kernels/norm/running-update.ts";
import { runningUpdateReference } from "../../../services/engine/reference/norm/running-update.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

describe("norm/running-update", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (running: Float64Array, batch: Float64Array, momentum: number, scale: number): Promise<Float32Array> =>
    (await launch(gpu, { running: packVector(running) }, (scope, t) => runningUpdate(t.running, uploadF32(scope, "batch", packVector(batch)), momentum, scale, running.length))).running;
  const check = async (c: number): Promise<void> => {
    const [running, batch] = [uniform(c, c), uniform(c + 1, c)];
    assertClose(await run(running, batch, 0.1, 1.25), packVector(runningUpdateReference(running, batch, 0.1, 1.25)), TOLERANCE.elementwise);
  };

  // One; a prime; one under, at and over a workgroup's 32 channels; large.
  for (const c of [1, 7, 31, 32, 33, 5003]) it(`matches the reference at [${c}]`, () => check(c));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(333)));

  it("follows PyTorch by hand: momentum 0.1, variance 4 of 5 rows", async () => {
    // BatchNorm keeps 0.9 · 1 + 0.1 · 4 · 5/4 = 1.4
    assertClose(await run(Float64Array.of(1), Float64Array.of(4), 0.1, 5 / 4), packVector([1.4]), TOLERANCE.elementwise);
  });

  it("forgets everything with momentum 1 and nothing with 0", async () => {
    const [running, batch] = [uniform(1, 9), uniform(2, 9)];
    assert.deepEqual(await run(running, batch, 1, 1), packVector(batch));
    assert.deepEqual(await run(running, batch, 0, 1), packVector(running));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 99), uniform(2, 99), 0.1, 1.5), await run(uniform(1, 99), uniform(2, 99), 0.1, 1.5));
  });

  it("refuses an empty shape, short buffers and a momentum outside [0, 1] by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    assert.throws(() => runningUpdate(long, long, 0.1, 1, 0), { code: "SHAPE_MISMATCH", message: /norm\/running-update: expected c/ });
    assert.throws(() => runningUpdate(short, long, 0.1, 1, 5), { code: "SHAPE_MISMATCH", message: /expected running to hold 8/ });
    assert.throws(() => runningUpdate(long, short, 0.1, 1, 5), { code: "SHAPE_MISMATCH", message: /expected batch to hold 8/ });
    assert.throws(() => runningUpdate(long, long, 1.1, 1, 5), { code: "VALUE_RANGE", message: /expected momentum in \[0, 1\], got 1.1/ });
    assert.throws(() => runningUpdate(long, long, 0.1, Infinity, 5), { code: "VALUE_RANGE", message: /expected scale/ });
    scope.dispose();
  });
});
