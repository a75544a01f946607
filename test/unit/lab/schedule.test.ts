import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { adversaryAt, learningRateAt } from "../../../services/lab/training/schedule.ts";

const length = { epochs: 10, stepsPerEpoch: 5 };

describe("learningRateAt", () => {
  it("is constant when asked", () => assert.equal(learningRateAt({ kind: "constant" }, 0.3, 49, length), 0.3));

  it("steps down exactly when a milestone's epoch is finished", () => {
    const schedule = { kind: "multi-step" as const, milestones: [2, 4], factor: 0.1 };
    const rates = [0, 9, 10, 19, 20, 49].map((step) => learningRateAt(schedule, 1, step, length));
    assert.deepEqual(rates, [1, 1, 0.1, 0.1, 0.1 ** 2, 0.1 ** 2]);
  });

  it("follows half a cosine from the base to its final share", () => {
    const schedule = { kind: "cosine" as const, finalFactor: 0.2 };
    assert.equal(learningRateAt(schedule, 1, 0, length), 1);
    for (const [step, rate] of [[25, 0.6], [50, 0.2]] as const) assert.equal(learningRateAt(schedule, 1, step, length).toFixed(14), rate.toFixed(14));
    for (let step = 1; step < 50; step++) assert.ok(learningRateAt(schedule, 1, step, length) < learningRateAt(schedule, 1, step - 1, length), `step ${step}`);
  });
});

describe("adversaryAt", () => {
  const adversary = { norm: "linf" as const, epsilon: 0.3, steps: 7, randomStart: true, warmupEpochs: 2 };

  it("rises linearly from 0 over the warm-up and stays", () => {
    const radii = [0, 5, 10, 11, 49].map((step) => adversaryAt(adversary, step, 5).epsilon);
    assert.deepEqual(radii, [0, 0.15, 0.3, 0.3, 0.3]);
  });

  it("keeps the step at 2.5·ε/steps, or at its given ratio", () => {
    assert.equal(adversaryAt(adversary, 20, 5).stepSize, (2.5 * 0.3) / 7);
    assert.equal(adversaryAt(adversary, 5, 5).stepSize, (2.5 * 0.3) / 7 / 2);
    assert.equal(adversaryAt({ ...adversary, stepSize: 0.1 }, 5, 5).stepSize, 0.05);
  });

  it("is at full radius at once without a warm-up", () => assert.equal(adversaryAt({ ...adversary, warmupEpochs: 0 }, 0, 5).epsilon, 0.3));
});
