import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { coerceInputValue, type GraphQLInputType, type GraphQLSchema } from "graphql";

import { ARCHITECTURE_NAMES } from "../../schema/jobs/architecture.ts";
import { RUN_KINDS, RUN_STATUSES, runConfigSchema, type RunKind } from "../../schema/jobs/run-config.ts";
import { RUN_EVENT_TYPES } from "../../schema/jobs/run-event.ts";
import { createSchema } from "../../services/gateway/build-schema.ts";
import { draftConfig, parseDraft } from "../../services/gateway/runs/config-from-input.ts";

const ID = "3f0e0c58-6f5e-4d0e-9b9e-0a4a5e3c1f11";
const schema: GraphQLSchema = await createSchema();

/** What a resolver gets for this `input` of a mutation. */
function coerce(mutation: string, value: unknown): object {
  const type = schema.getMutationType()!.getFields()[mutation]!.args[0]!.type as GraphQLInputType;
  return coerceInputValue(value, type) as object;
}

const enumValues = (name: string): unknown[] => {
  const type = schema.getType(name);
  assert.ok(type && "getValues" in type);
  return type.getValues().map((value) => value.value as unknown);
};

describe("inputs", () => {
  const least: [string, RunKind, Record<string, unknown>, Record<string, unknown>][] = [
    ["trainModel", "train", { name: "a", dataset: "mnist", architecture: "TINY_CNN" }, { name: "a", dataset: "mnist", architecture: "tiny-cnn" }],
    ["attributeImages", "attribute", { model: ID, dataset: "mnist" }, { model: ID, dataset: "mnist" }],
    ["measureInequality", "inequality", { model: ID, dataset: "mnist" }, { model: ID, dataset: "mnist" }],
    ["attackModel", "attack", { model: ID, dataset: "mnist", attack: { pgd: { epsilon: 0.1 } } }, { model: ID, dataset: "mnist", attack: { kind: "pgd", epsilon: 0.1 } }],
    ["audit", "audit", { models: [ID], dataset: "mnist", attacks: [{ inductiveNoise: { type: "II", k: [5] } }, { inductiveOcclusion: {} }] }, { models: [ID], dataset: "mnist", attacks: [{ kind: "inductive-noise", type: "II", k: [5] }, { kind: "inductive-occlusion" }] }],
  ];
  for (const [mutation, kind, input, config] of least) {
    it(`${mutation}: the defaults in the SDL are those of the job schema`, () => {
      assert.deepEqual(parseDraft(draftConfig(kind, coerce(mutation, input))), runConfigSchema.parse({ kind, ...config }));
    });
  }

  it("every other default of an optional training input is the job schema's, too", () => {
    const input = { name: "a", dataset: "mnist", architecture: "SMALL_CNN", optimiser: { sgd: {} }, schedule: { multiStep: { milestones: [2] } }, adversary: { epsilon: 0.3 }, evaluation: { pgd: { epsilon: 0.3 } } };
    const config = { kind: "train", name: "a", dataset: "mnist", architecture: "small-cnn", optimiser: { kind: "sgd" }, schedule: { kind: "multi-step", milestones: [2] }, adversary: { epsilon: 0.3 }, evaluation: { pgd: { epsilon: 0.3 } } };
    assert.deepEqual(parseDraft(draftConfig("train", coerce("trainModel", input))), runConfigSchema.parse(config));
  });

  it("training against an adversary is evaluated against it, unless another evaluation is asked for", () => {
    const pgdOf = (input: object): unknown => {
      const config = parseDraft(draftConfig("train", coerce("trainModel", { name: "a", dataset: "mnist", architecture: "TINY_CNN", ...input })));
      return config.kind === "train" && config.evaluation.pgd;
    };
    assert.deepEqual(pgdOf({ adversary: { epsilon: 0.2 } }), { epsilon: 0.2, steps: 10 });
    assert.deepEqual(pgdOf({ adversary: { epsilon: 0.2 }, evaluation: { pgd: { epsilon: 0.1, steps: 3 } } }), { epsilon: 0.1, steps: 3 });
    assert.equal(pgdOf({}), undefined);
  });

  it("a constant schedule is asked for with true, and null is the same as absent", () => {
    const input = { name: "a", dataset: "mnist", architecture: "TINY_CNN", schedule: { constant: true }, adversary: null, trainCount: null };
    const config = parseDraft(draftConfig("train", coerce("trainModel", input)));
    assert.deepEqual(config, runConfigSchema.parse({ kind: "train", name: "a", dataset: "mnist", architecture: "tiny-cnn", schedule: { kind: "constant" } }));
    const not = coerce("trainModel", { ...input, schedule: { constant: false } });
    assert.throws(() => parseDraft(draftConfig("train", not)), { code: "INVALID_INPUT", message: /^input\.schedule/ });
  });

  it("seed and key are no part of the config, and an upper-case id is the same id", () => {
    const config = parseDraft(draftConfig("attribute", coerce("attributeImages", { model: ID.toUpperCase(), dataset: "mnist", seed: 7, idempotencyKey: "k" })));
    assert.deepEqual(config, runConfigSchema.parse({ kind: "attribute", model: ID, dataset: "mnist" }));
  });

  const wrong: [string, RunKind, Record<string, unknown>, string[]][] = [
    ["trainModel", "train", { name: " ", dataset: "mnist", architecture: "TINY_CNN", epochs: 0, adversary: { epsilon: 1.5 }, optimiser: { adamw: { beta1: 1 } } }, ["input.name", "input.epochs", "input.optimiser.adamw.beta1", "input.adversary.epsilon"]],
    ["attackModel", "attack", { model: "x", dataset: "no pe", attack: { pgd: { epsilon: 2 } } }, ["input.model", "input.dataset", "input.attack.pgd.epsilon"]],
    ["attackModel", "attack", { model: ID, dataset: "mnist", attack: { inductiveNoise: { type: "I", k: [3, 0] } }, attribution: { baseline: "GIVEN" } }, ["input.attack.inductiveNoise.k.1", "input.attribution.baselineValues"]],
    ["trainModel", "train", { name: "a", dataset: "mnist", architecture: "TINY_CNN", epochs: 2, adversary: { epsilon: 0.3, warmupEpochs: 2 } }, ["input.adversary.warmupEpochs"]],
    ["trainModel", "train", { name: "a", dataset: "mnist", architecture: "TINY_CNN", optimiser: { sgd: { momentum: 0, nesterov: true } } }, ["input.optimiser.sgd.nesterov"]],
    ["attributeImages", "attribute", { model: ID, dataset: "mnist", attribution: { rule: "TRAPEZOID", steps: 1 } }, ["input.attribution.steps"]],
    ["attackModel", "attack", { model: ID, dataset: "mnist", attack: { pgd: { epsilon: 0.1, restarts: 3, randomStart: false } } }, ["input.attack.pgd.restarts"]],
    ["audit", "audit", { models: [ID, ID], dataset: "mnist", attacks: [{ pgd: { epsilon: 0.1 } }, { pgd: { epsilon: -1 } }], measures: [{ regional: { block: 0 } }] }, ["input.models", "input.measures.0.regional.block", "input.attacks.1.pgd.epsilon"]],
  ];
  for (const [mutation, kind, input, fields] of wrong) {
    it(`${mutation}: names the fields ${fields.join(", ")}`, () => {
      assert.throws(() => parseDraft(draftConfig(kind, coerce(mutation, input))), (error: Error & { code: string; details: { field: string; issues: { field: string }[] } }) => {
        assert.equal(error.code, "INVALID_INPUT");
        assert.deepEqual(error.details.issues.map((issue) => issue.field), fields);
        assert.equal(error.details.field, fields[0]);
        return true;
      });
    });
  }

  it("enums have a name for every word of the job schema", () => {
    assert.deepEqual(enumValues("RunKind"), [...RUN_KINDS]);
    assert.deepEqual(enumValues("RunStatus"), [...RUN_STATUSES]);
    assert.deepEqual(enumValues("Architecture"), [...ARCHITECTURE_NAMES]);
    assert.deepEqual(enumValues("RunEventType"), [...RUN_EVENT_TYPES]);
  });

  it("one-of inputs say so in the schema", () => {
    for (const name of ["AttackInput", "DatasetSourceInput", "FileInput", "InequalityMeasureInput", "ModelSourceInput", "OptimiserInput", "PredictImagesInput", "ScheduleInput"]) {
      const type = schema.getType(name);
      assert.ok(type && "isOneOf" in type && type.isOneOf, name);
    }
  });

  it("a seed is read as text or number, loses no bit, and is refused outside 64 bit", () => {
    const seedOf = (seed: unknown) => (coerce("attributeImages", { model: ID, seed }) as { seed: string }).seed;
    assert.equal(seedOf("18446744073709551615"), "18446744073709551615");
    assert.equal(seedOf(9007199254740991), "9007199254740991");
    assert.equal(seedOf("007"), "7");
    for (const bad of ["18446744073709551616", "-1", -1, 1.5, 2 ** 53, "0x1", "", true]) assert.throws(() => seedOf(bad), /Seed: expected/);
  });
});
