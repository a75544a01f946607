import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { eq } from "drizzle-orm";

import { runs } from "../../schema/tables/tables.ts";
import { blobPath } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { type Api, openApi } from "../support/api.ts";
import { makeModel } from "../support/runs.ts";

let api: Api;
let model: string;
let other: string;
let deleted: string;

const MUTATION = {
  trainModel: "mutation($input: TrainModelInput!) { trainModel(input: $input) { id kind status seed config } }",
  attributeImages: "mutation($input: AttributeImagesInput!) { attributeImages(input: $input) { id kind status seed config models { id } } }",
  measureInequality: "mutation($input: MeasureInequalityInput!) { measureInequality(input: $input) { id kind status seed config models { id } } }",
  attackModel: "mutation($input: AttackModelInput!) { attackModel(input: $input) { id kind status seed config models { id } } }",
  audit: "mutation($input: AuditInput!) { audit(input: $input) { id kind status seed config models { id } } }",
} as const;
type Name = keyof typeof MUTATION;

const TRAIN = { name: "m", dataset: "mnist-digits", architecture: "TINY_CNN" };

before(async () => {
  api = await openApi();
  model = (await makeModel(api.database, api.blobDir)).modelId;
  other = (await makeModel(api.database, api.blobDir)).modelId;
  deleted = (await makeModel(api.database, api.blobDir)).modelId;
  await api.ask("mutation($id: ID!) { deleteModel(id: $id) { id } }", { id: deleted });
});
after(() => api.close());

describe("mutations that make a run", () => {
  const happy: [Name, () => Record<string, unknown>, string, (config: any) => void][] = [
    ["trainModel", () => ({ ...TRAIN, epochs: 2, optimiser: { sgd: { learningRate: 0.05 } }, adversary: { epsilon: 0.3 } }), "TRAIN", (config) => {
      assert.deepEqual(config.optimiser, { kind: "sgd", learningRate: 0.05, momentum: 0.9, weightDecay: 5e-4, nesterov: false });
      assert.deepEqual(config.adversary, { norm: "linf", epsilon: 0.3, steps: 7, randomStart: true, warmupEpochs: 0 });
      assert.deepEqual(config.schedule, { kind: "cosine", finalFactor: 0 });
    }],
    ["attributeImages", () => ({ model, attribution: { method: "SALIENCY" }, selection: { indices: [0, 1999] } }), "ATTRIBUTE", (config) => {
      assert.equal(config.dataset, "mnist-digits", "the model's own");
      assert.deepEqual([config.attribution.method, config.selection.indices], ["saliency", [0, 1999]]);
    }],
    ["measureInequality", () => ({ model: model.toUpperCase(), measures: [{ regional: { block: 28, mode: "PER_CHANNEL" } }] }), "INEQUALITY", (config) => {
      assert.equal(config.model, model);
      assert.deepEqual(config.measures, [{ scope: "regional", block: 28, mode: "per-channel" }]);
    }],
    ["attackModel", () => ({ model, attack: { inductiveNoise: { type: "II", k: [784] } } }), "ATTACK", (config) => {
      assert.deepEqual(config.attack, { kind: "inductive-noise", type: "II", k: [784], law: "gaussian", draws: 1 });
    }],
    ["audit", () => ({ models: [model, other], attacks: [{ pgd: { norm: "L2", epsilon: 28, target: 9 } }, { inductiveOcclusion: { colours: [0] } }] }), "AUDIT", (config) => {
      assert.deepEqual(config.models, [model, other]);
      assert.deepEqual(config.attacks.map((a: { kind: string }) => a.kind), ["pgd", "inductive-occlusion"]);
    }],
  ];
  for (const [name, input, kind, check] of happy) {
    it(`${name} returns the queued run at once, with its whole config`, async () => {
      const before = await api.work();
      const run = (await api.ask(MUTATION[name], { input: input() }))[name];
      assert.deepEqual([run.kind, run.status], [kind, "QUEUED"]);
      assert.match(run.seed, /^\d+$/);
      check(run.config);
      if (kind !== "TRAIN") assert.deepEqual(run.models.map((m: { id: string }) => m.id), kind === "AUDIT" ? [model, other] : [model]);
      assert.deepEqual(await api.work(), { runs: before.runs + 1, jobs: before.jobs + 1 });
      assert.deepEqual((await api.ask("query($id: ID!) { run(id: $id) { status events { type } } }", { id: run.id })).run, { status: "QUEUED", events: [{ type: "QUEUED" }] });
    });
  }

  it("keeps the seed that was given, all 64 bits of it, and draws different ones when none was", async () => {
    const seedOf = async (seed?: string | number) => (await api.ask(MUTATION.trainModel, { input: { ...TRAIN, ...(seed !== undefined && { seed }) } })).trainModel.seed as string;
    assert.equal(await seedOf("18446744073709551615"), "18446744073709551615");
    assert.equal(await seedOf(0), "0");
    assert.notEqual(await seedOf(), await seedOf());
    const literal = await api.ask('mutation { trainModel(input: { name: "m", dataset: "mnist-digits", architecture: TINY_CNN, seed: 12345678901234567890 }) { seed } }');
    assert.equal(literal.trainModel.seed, "12345678901234567890");
  });
});

describe("the same idempotency key", () => {
  it("returns the first run for the same input, however it is written", async () => {
    const idempotencyKey = newId();
    const send = async (input: object) => (await api.ask(MUTATION.trainModel, { input: { ...input, idempotencyKey } })).trainModel as { id: string; seed: string };
    const first = await send(TRAIN);
    const { runs: count } = await api.work();
    assert.deepEqual(await send({ ...TRAIN, epochs: 6, adversary: null }), first);
    assert.equal((await api.work()).runs, count);
  });

  it("is a conflict with another input or seed", async () => {
    const idempotencyKey = newId();
    await api.ask(MUTATION.trainModel, { input: { ...TRAIN, idempotencyKey } });
    const before = await api.work();
    for (const change of [{ epochs: 7 }, { seed: 1 }, { name: "n" }]) {
      assert.deepEqual(await api.fault(MUTATION.trainModel, { input: { ...TRAIN, ...change, idempotencyKey } }).then((f) => [f.code, f.field]), ["CONFLICT", "input.idempotencyKey"]);
    }
    assert.deepEqual(await api.fault(MUTATION.attributeImages, { input: { model, idempotencyKey } }).then((f) => f.code), "CONFLICT");
    assert.deepEqual(await api.work(), before);
  });

  it("still returns the run when it could not be started any more", async () => {
    const { modelId } = await makeModel(api.database, api.blobDir);
    const input = { model: modelId, idempotencyKey: newId() };
    const { id } = (await api.ask(MUTATION.attributeImages, { input })).attributeImages;
    await api.ask("mutation($id: ID!) { cancelRun(id: $id) { id } }", { id });
    await api.ask("mutation($id: ID!) { deleteModel(id: $id) { id } }", { id: modelId });
    assert.equal((await api.ask(MUTATION.attributeImages, { input })).attributeImages.id, id);
    assert.equal((await api.fault(MUTATION.attributeImages, { input: { model: modelId } })).code, "MODEL_DELETED");
  });

  it("makes one run of ten requests at the same time", async () => {
    const input = { ...TRAIN, idempotencyKey: newId() };
    const before = await api.work();
    const ids = await Promise.all(Array.from({ length: 10 }, async () => (await api.ask(MUTATION.trainModel, { input })).trainModel.id as string));
    assert.equal(new Set(ids).size, 1);
    assert.equal((await api.work()).runs, before.runs + 1);
  });
});

describe("refusals", () => {
  const pgd = { pgd: { epsilon: 0.1 } };
  const on = (extra: object) => () => ({ model, ...extra });
  const noise = (extra: object) => ({ inductiveNoise: { type: "I", k: [1], ...extra } });
  const cases: [string, Name, () => object, string, string][] = [
    ["an empty name", "trainModel", () => ({ ...TRAIN, name: "" }), "INVALID_INPUT", "input.name"],
    ["no epoch", "trainModel", () => ({ ...TRAIN, epochs: 0 }), "INVALID_INPUT", "input.epochs"],
    ["ε above 1", "trainModel", () => ({ ...TRAIN, adversary: { epsilon: 1.01 } }), "INVALID_INPUT", "input.adversary.epsilon"],
    ["ε in steps of 1/255", "trainModel", () => ({ ...TRAIN, adversary: { epsilon: 8 } }), "INVALID_INPUT", "input.adversary.epsilon"],
    ["a learning rate of 0", "trainModel", () => ({ ...TRAIN, optimiser: { adamw: { learningRate: 0 } } }), "INVALID_INPUT", "input.optimiser.adamw.learningRate"],
    ["two optimisers", "trainModel", () => ({ ...TRAIN, optimiser: { sgd: {}, adamw: {} } }), "INVALID_INPUT", "input.optimiser"],
    ["a batch larger than the training set", "trainModel", () => ({ ...TRAIN, trainCount: 64 }), "INVALID_INPUT", "input.batchSize"],
    ["more images than there are", "trainModel", () => ({ ...TRAIN, trainCount: 8001 }), "INVALID_INPUT", "input.trainCount"],
    ["a larger evaluation than the split", "trainModel", () => ({ ...TRAIN, evaluation: { count: 2001 } }), "INVALID_INPUT", "input.evaluation.count"],
    ["an unknown data set", "trainModel", () => ({ ...TRAIN, dataset: "imagenet" }), "NOT_FOUND", "input.dataset"],
    ["what is no name of a data set", "trainModel", () => ({ ...TRAIN, dataset: "../imagenet" }), "INVALID_INPUT", "input.dataset"],
    ["a data set that no agent has reported", "trainModel", () => ({ ...TRAIN, dataset: "mnist" }), "NOT_FOUND", "input.dataset"],
    ["a data set whose files are missing", "trainModel", () => ({ ...TRAIN, dataset: "fashion-mnist" }), "INVALID_INPUT", "input.dataset"],
    ["an empty key", "trainModel", () => ({ ...TRAIN, idempotencyKey: "" }), "INVALID_INPUT", "input.idempotencyKey"],
    ["a seed beyond 64 bit", "trainModel", () => ({ ...TRAIN, seed: "18446744073709551616" }), "INVALID_INPUT", "input.seed"],
    ["an unknown model", "attributeImages", () => ({ model: newId() }), "NOT_FOUND", "input.model"],
    ["an id that is none", "attributeImages", () => ({ model: "m1" }), "INVALID_INPUT", "input.model"],
    ["a deleted model", "measureInequality", () => ({ model: deleted }), "MODEL_DELETED", "input.model"],
    ["a data set that does not fit", "attributeImages", on({ dataset: "cifar10" }), "DATASET_MISMATCH", "input.model"],
    ["an index outside the split", "attributeImages", on({ selection: { indices: [0, 2000] } }), "INVALID_INPUT", "input.selection.indices.1"],
    ["an index twice", "attributeImages", on({ selection: { indices: [5, 5] } }), "INVALID_INPUT", "input.selection.indices.1"],
    ["more images than the split has", "attributeImages", on({ selection: { count: 2001 } }), "INVALID_INPUT", "input.selection.count"],
    ["a given baseline without values", "attributeImages", on({ attribution: { baseline: "GIVEN" } }), "INVALID_INPUT", "input.attribution.baselineValues"],
    ["a baseline of the wrong length", "attributeImages", on({ attribution: { baseline: "GIVEN", baselineValues: [0, 0] } }), "INVALID_INPUT", "input.attribution.baselineValues"],
    ["a block larger than the image", "measureInequality", on({ measures: [{ global: {} }, { regional: { block: 29 } }] }), "INVALID_INPUT", "input.measures.1.regional.block"],
    ["a measure twice", "measureInequality", on({ measures: [{ global: {} }, { global: {} }] }), "INVALID_INPUT", "input.measures.1"],
    ["no attack", "attackModel", on({ attack: {} }), "INVALID_INPUT", "input.attack"],
    ["two attacks in one", "attackModel", on({ attack: { ...pgd, ...noise({}) } }), "INVALID_INPUT", "input.attack"],
    ["a null attack", "attackModel", on({ attack: { pgd: null } }), "INVALID_INPUT", "input.attack.pgd"],
    ["l∞ ε above 1", "attackModel", on({ attack: { pgd: { epsilon: 1.5 } } }), "INVALID_INPUT", "input.attack.pgd.epsilon"],
    ["l2 ε above the diagonal", "attackModel", on({ attack: { pgd: { norm: "L2", epsilon: 28.1 } } }), "INVALID_INPUT", "input.attack.pgd.epsilon"],
    ["a class that there is not", "attackModel", on({ attack: { pgd: { epsilon: 0.1, target: 10 } } }), "INVALID_INPUT", "input.attack.pgd.target"],
    ["more sub-pixels than there are", "attackModel", on({ attack: noise({ k: [5, 785] }) }), "INVALID_INPUT", "input.attack.inductiveNoise.k.1"],
    ["a k twice", "attackModel", on({ attack: noise({ k: [5, 5] }) }), "INVALID_INPUT", "input.attack.inductiveNoise.k.1"],
    ["a square larger than the image", "attackModel", on({ attack: { inductiveOcclusion: { maxRadius: 29 } } }), "INVALID_INPUT", "input.attack.inductiveOcclusion.maxRadius"],
    ["a colour outside [0, 1]", "attackModel", on({ attack: { inductiveOcclusion: { colours: [2] } } }), "INVALID_INPUT", "input.attack.inductiveOcclusion.colours.0"],
    ["no model", "audit", () => ({ models: [], dataset: "mnist-digits", attacks: [pgd] }), "INVALID_INPUT", "input.models"],
    ["a model twice", "audit", () => ({ models: [model, model], attacks: [pgd] }), "INVALID_INPUT", "input.models"],
    ["an unknown second model", "audit", () => ({ models: [model, newId()], attacks: [pgd] }), "NOT_FOUND", "input.models.1"],
    ["a deleted second model", "audit", () => ({ models: [model, deleted], attacks: [pgd] }), "MODEL_DELETED", "input.models.1"],
    ["an audit without attacks", "audit", () => ({ models: [model], attacks: [] }), "INVALID_INPUT", "input.attacks"],
    ["a wrong attack in a list", "audit", () => ({ models: [model], attacks: [pgd, { pgd: { epsilon: 0.1, target: 10 } }] }), "INVALID_INPUT", "input.attacks.1.pgd.target"],
    ["the same attack twice", "audit", () => ({ models: [model], attacks: [pgd, pgd] }), "INVALID_INPUT", "input.attacks.1"],
    ["a sample larger than the split", "audit", () => ({ models: [model], attacks: [pgd], sampleSize: 2001 }), "INVALID_INPUT", "input.sampleSize"],
  ];
  for (const [what, name, input, code, field] of cases) {
    it(`${name}: ${what} is ${code} at ${field}, and nothing is enqueued`, async () => {
      const before = await api.work();
      const fault = await api.fault(MUTATION[name], { input: input() });
      assert.deepEqual([fault.code, fault.field], [code, field], fault.message);
      assert.deepEqual(await api.work(), before);
    });
  }

  it("says which data set files are missing", async () => {
    assert.match((await api.fault(MUTATION.trainModel, { input: { ...TRAIN, dataset: "fashion-mnist" } })).message, /install dataset-fashion-mnist/);
  });

  it("lists every wrong field, not only the first", async () => {
    const { errors } = await api.send(MUTATION.trainModel, { input: { ...TRAIN, epochs: 0, batchSize: 0 } });
    assert.deepEqual(errors![0]!.extensions.issues?.map((issue) => issue.field), ["input.epochs", "input.batchSize"]);
  });
});

describe("cancelRun", () => {
  const CANCEL = "mutation($id: ID!) { cancelRun(id: $id) { id status events { type } cancelRequestedAt } }";

  it("cancels a queued run at once, and does nothing more the second time", async () => {
    const { id } = (await api.ask(MUTATION.trainModel, { input: TRAIN })).trainModel;
    const first = (await api.ask(CANCEL, { id: id.toUpperCase() })).cancelRun;
    assert.equal(first.status, "CANCELLED");
    assert.deepEqual(first.events.map((e: { type: string }) => e.type), ["QUEUED", "CANCEL_REQUESTED", "CANCELLED"]);
    assert.deepEqual((await api.ask(CANCEL, { id })).cancelRun, first);
  });

  it("refuses unknown ids and runs that have ended", async () => {
    for (const id of [newId(), "x"]) assert.deepEqual(await api.fault(CANCEL, { id }).then((f) => [f.code, f.field]), ["NOT_FOUND", "id"]);
    const [ended] = await api.database.db.select({ id: runs.id }).from(runs).where(eq(runs.status, "succeeded")).limit(1);
    assert.deepEqual(await api.fault(CANCEL, { id: ended!.id }).then((f) => [f.code, f.field]), ["CONFLICT", "id"]);
  });
});

describe("deleteModel", () => {
  const DELETE = "mutation($id: ID!) { deleteModel(id: $id) { id deletedAt weights { url } } }";

  it("drops the weights and keeps the record", async () => {
    const { modelId, sha256 } = await makeModel(api.database, api.blobDir);
    assert.ok(existsSync(blobPath(api.blobDir, sha256)));
    const gone = (await api.ask(DELETE, { id: modelId })).deleteModel;
    assert.ok(gone.deletedAt);
    assert.equal(gone.weights, null);
    assert.equal(existsSync(blobPath(api.blobDir, sha256)), false);
    assert.equal((await fetch(`${api.url}/blobs/${sha256}`)).status, 404);
    assert.deepEqual((await api.ask(DELETE, { id: modelId })).deleteModel, gone);
    assert.deepEqual((await api.ask("query($id: ID!) { model(id: $id) { name trainingRun { status } } }", { id: modelId })).model, { name: "a model", trainingRun: { status: "SUCCEEDED" } });
  });

  it("refuses while a run needs it, and ids that nothing has", async () => {
    const { modelId } = await makeModel(api.database, api.blobDir);
    await api.ask(MUTATION.attributeImages, { input: { model: modelId } });
    const fault = await api.fault(DELETE, { id: modelId });
    assert.deepEqual([fault.code, fault.field], ["MODEL_IN_USE", "id"]);
    assert.match(fault.message, /cancel it first/);
    for (const id of [newId(), "x"]) assert.deepEqual(await api.fault(DELETE, { id }).then((f) => [f.code, f.field]), ["NOT_FOUND", "id"]);
  });
});
