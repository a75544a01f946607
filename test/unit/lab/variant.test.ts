import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { type AttackConfig, attackSchema } from "../../../schema/jobs/attack.ts";
import { imageResultSchema } from "../../../schema/jobs/results.ts";
import { attackNames, noiseVariant, noPlaces, occlusionVariant, variantName } from "../../../services/lab/attacks/variant.ts";

const attacks = (...configs: Record<string, unknown>[]): AttackConfig[] => configs.map((config) => attackSchema.parse(config));

describe("names of attacks and of what they measure", () => {
  it("say what matters of the attack", () => {
    assert.deepEqual(attackNames(attacks(
      { kind: "pgd", epsilon: 8 / 255 }, { kind: "pgd", norm: "l2", epsilon: 0.5, steps: 10, target: 3 },
      { kind: "inductive-noise", type: "I", k: [5] }, { kind: "inductive-noise", type: "II", k: [5] }, { kind: "inductive-occlusion", maxCount: 10, maxRadius: 3 },
    )), ["pgd-linf/epsilon=0.03137/steps=20", "pgd-l2/epsilon=0.5/steps=10/target=3", "noise-I", "noise-II", "occlusion/10x3"]);
  });

  it("are distinct in a list, and an attack's name does not depend on those after it", () => {
    const list = attacks({ kind: "inductive-noise", type: "I", k: [5] }, { kind: "inductive-noise", type: "I", k: [9] }, { kind: "pgd", epsilon: 0.1 }, { kind: "inductive-noise", type: "I", k: [5], law: "uniform" });
    assert.deepEqual(attackNames(list), ["noise-I", "noise-I#2", "pgd-linf/epsilon=0.1/steps=20", "noise-I#3"]);
    assert.deepEqual(attackNames(list.slice(0, 2)), attackNames(list).slice(0, 2));
  });

  it("of variants add the row, and fit the column they are stored in", () => {
    assert.equal(variantName("pgd-linf", noPlaces), "pgd-linf");
    assert.equal(variantName("noise-II", noiseVariant("inductive", 52)), "noise-II/k=52/inductive");
    assert.equal(variantName("occlusion/5x2", occlusionVariant("random", 0.5, 5, 2)), "occlusion/5x2/colour=0.5/random");
    const [longest] = attackNames(attacks({ kind: "pgd", norm: "l2", epsilon: 123.456789, steps: 1000, target: 100_000 }));
    assert.ok(imageResultSchema.shape.measure.safeParse(`${longest}#30`).success);
  });
});
