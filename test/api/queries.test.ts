import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eq, inArray, sql } from "drizzle-orm";

import { models as modelTable, runs as runTable } from "../../schema/tables/tables.ts";
import { newId } from "../../services/common/ids.ts";
import { registerAgent, updateAgent } from "../../services/store/agents.store.ts";
import { type Api, openApi } from "../support/api.ts";
import { ENVIRONMENT, makeAudit } from "../support/audit.ts";
import { makeModel, makeRun, trainConfig } from "../support/runs.ts";

let api: Api;
const models: { modelId: string; run: { id: string }; sha256: string }[] = [];
let audit: string;

before(async () => {
  api = await openApi();
  for (let i = 0; i < 2; i++) models.push(await makeModel(api.database, api.blobDir));
  audit = await makeAudit(api.database, api.blobDir, models.map((m) => m.modelId));
});
after(() => api.close());

/** Follows `after` to the end of a list; returns the ids of each page. */
async function pages(field: string, first: number, selection = "id"): Promise<string[][]> {
  const all: string[][] = [];
  for (let cursor: string | null = null; ;) {
    const { [field.split("(")[0]!]: page } = await api.ask(`query($after: String) { ${field.includes("(") ? field.replace(")", `, first: ${first}, after: $after)`) : `${field}(first: ${first}, after: $after)`} { edges { cursor node { ${selection} } } pageInfo { hasNextPage endCursor } } }`, { after: cursor });
    all.push(page.edges.map((edge: { node: { id: string } }) => edge.node.id));
    assert.equal(page.pageInfo.endCursor, page.edges.at(-1)?.cursor ?? null);
    if (!page.pageInfo.hasNextPage) return all;
    cursor = page.pageInfo.endCursor;
  }
}

describe("models", () => {
  it("has every fact of a model, and its training", async () => {
    const { modelId, run, sha256 } = models[0]!;
    const { model } = await api.ask(`query($id: ID!) { model(id: $id) { id name architecture dataset { name classes normalisation { mean std } } trainingRun { id kind product { id } } adversary { epsilon }
      parameterCount flops normalisation { mean std } inputShape classCount finalMetrics weights { url sha256 bytes } deletedAt } }`, { id: modelId });
    assert.deepEqual(model, {
      id: modelId, name: "a model", architecture: "TINY_CNN", dataset: { name: "mnist-digits", classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], normalisation: { mean: [0.13], std: [0.31] } },
      trainingRun: { id: run.id, kind: "TRAIN", product: { id: modelId } }, adversary: null,
      parameterCount: 3, flops: 6, normalisation: { mean: [0.1], std: [0.3] }, inputShape: [1, 28, 28], classCount: 10, finalMetrics: { accuracy: 0.5 },
      weights: { url: `/blobs/${sha256}`, sha256, bytes: model.weights.bytes }, deletedAt: null,
    });
  });

  it("filters by data set, architecture and part of the name, in which % is a letter", async () => {
    const ids = async (filter: object) => (await api.ask("query($filter: ModelFilter) { models(filter: $filter) { edges { node { id } } } }", { filter })).models.edges.length as number;
    assert.equal(await ids({ dataset: "mnist-digits", architecture: "TINY_CNN", nameContains: "MOD" }), 2);
    assert.equal(await ids({ dataset: "cifar10" }), 0);
    assert.equal(await ids({ architecture: "SMALL_CNN" }), 0);
    assert.equal(await ids({ nameContains: "%" }), 0);
  });

  it("pages over equal times of creation, each row once", async () => {
    const extra = [];
    for (let i = 0; i < 5; i++) extra.push((await makeModel(api.database, api.blobDir)).modelId);
    await api.database.db.update(modelTable).set({ createdAt: new Date("2026-01-01T00:00:00.123Z") }).where(inArray(modelTable.id, extra));
    const got = await pages("models", 2);
    assert.equal(got.length, 4);
    const ids = got.flat();
    assert.equal(new Set(ids).size, 7);
    assert.deepEqual(ids.slice(2), [...extra].sort().reverse()); // newest first; ties by id
    await api.database.db.update(modelTable).set({ deletedAt: sql`now()` }).where(inArray(modelTable.id, extra));
    assert.equal((await pages("models", 200)).flat().length, 2);
    assert.equal((await pages("models(filter: { includeDeleted: true })", 3)).flat().length, 7);
  });

  it("is null for an id that nothing has, well-formed or not", async () => {
    assert.deepEqual(await api.ask(`{ a: model(id: "${newId()}") { id } b: model(id: "../x") { id } c: run(id: "x") { id } d: dataset(name: "x") { name } }`), { a: null, b: null, c: null, d: null });
  });
});

describe("data sets and devices", () => {
  it("lists data sets by name, with what is missing", async () => {
    const { datasets } = await api.ask("{ datasets { name available reason trainCount inputShape } }");
    assert.deepEqual(datasets.map((d: { name: string; available: boolean; reason: string | null }) => [d.name, d.available, d.reason]), [
      ["cifar10", true, null], ["fashion-mnist", false, "install dataset-fashion-mnist"], ["mnist-digits", true, null],
    ]);
  });

  it("says who computes on what, how fast, and what waits", async () => {
    const id = newId();
    await registerAgent(api.database.db, id, true);
    const waiting = await makeRun(api.database, trainConfig());
    const status = async () => (await api.ask("{ deviceStatus { agents { id state environment { adapter software advice measuredGflops } currentRunId message } queueLength runningCount measuredGflops advice } }")).deviceStatus;
    assert.deepEqual(await status(), { agents: [{ id, state: "STARTING", environment: null, currentRunId: null, message: null }], queueLength: 1, runningCount: 0, measuredGflops: null, advice: [] });
    await updateAgent(api.database.db, id, { state: "busy", environment: ENVIRONMENT, currentRunId: waiting.id });
    assert.deepEqual(await status(), {
      agents: [{ id, state: "BUSY", environment: { adapter: "llvmpipe (LLVM 19)", software: true, advice: "install a GPU", measuredGflops: 12.5 }, currentRunId: waiting.id, message: null }],
      queueLength: 1, runningCount: 0, measuredGflops: 12.5, advice: ["install a GPU"],
    });
    await api.database.db.delete(runTable).where(eq(runTable.id, waiting.id));
  });
});

describe("runs", () => {
  it("has what was asked, on what, and how it went", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) { kind status config seed attempt lastSeq environment { adapter dawn code } kernelVariants { product variants } progress { phase } error { code } models { id } product { id } dataset { name }
      sampleSet { split indices } createdAt startedAt finishedAt cancelRequestedAt accuracies { model { id } clean { count n } } } }`, { id: audit });
    assert.equal(run.kind, "AUDIT");
    assert.equal(run.status, "SUCCEEDED");
    assert.equal(run.seed, "42");
    assert.equal(run.config.attacks[0].steps, 20, "defaults are in the config");
    assert.deepEqual(run.environment, { adapter: "llvmpipe (LLVM 19)", dawn: "1", code: "0.1.0" });
    assert.deepEqual(run.kernelVariants, [{ product: "forward 3×3 1→32 +1 on 28×28", variants: ["filter-row", "direct"] }]);
    assert.deepEqual([run.progress, run.error, run.product, run.cancelRequestedAt], [null, null, null, null]);
    assert.deepEqual(run.models.map((m: { id: string }) => m.id), models.map((m) => m.modelId));
    assert.deepEqual(run.dataset, { name: "mnist-digits" });
    assert.deepEqual(run.sampleSet, { split: "TEST", indices: [3, 5, 8, 13] });
    assert.ok(run.createdAt <= run.startedAt && run.startedAt <= run.finishedAt);
    assert.deepEqual(run.accuracies.map((a: { model: { id: string } }) => a.model.id), models.map((m) => m.modelId), "in the order of the config");
    const cleans = new Map(run.accuracies.map((a: { model: { id: string }; clean: object }) => [a.model.id, a.clean]));
    assert.deepEqual(cleans.get(models[1]!.modelId), { count: 96, n: 100 });
  });

  it("filters by kind, status and model", async () => {
    const count = async (filter: string) => (await api.ask(`{ runs(${filter}) { edges { node { id kind } } } }`)).runs.edges.length as number;
    assert.equal(await count("kind: AUDIT"), 1);
    assert.equal(await count("kind: AUDIT, status: FAILED"), 0);
    assert.equal(await count(`modelId: "${models[0]!.modelId}"`), 2, "the run that made it and the audit");
    assert.equal(await count("status: SUCCEEDED"), 8);
  });

  it("pages over equal times of creation, each row once", async () => {
    await api.database.db.update(runTable).set({ createdAt: new Date("2026-02-02T00:00:00.001Z") });
    const ids = (await pages("runs", 3)).flat();
    assert.equal(ids.length, 8);
    assert.deepEqual(ids, [...new Set(ids)].sort().reverse());
  });

  it("reads its log from any number", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) { lastSeq all: events { seq type payload attempt runId } rest: events(after: 2, first: 2) { seq } } }`, { id: audit });
    assert.deepEqual(run.all.map((e: { seq: number }) => e.seq), Array.from({ length: run.lastSeq }, (_, i) => i + 1));
    assert.deepEqual([run.all[0].type, run.all.at(-1).type, run.all[0].runId], ["QUEUED", "SUCCEEDED", audit]);
    assert.deepEqual(run.rest, [{ seq: 3 }, { seq: 4 }]);
  });
});

describe("results", () => {
  it("gives metrics in columns, with null and a mark where a number was not finite", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) { all: metrics { series steps values diverged } one: metrics(series: ["accuracy"]) { series } none: metrics(series: []) { series } } }`, { id: audit });
    assert.deepEqual(run.all, [{ series: "accuracy", steps: [1], values: [0.5], diverged: false }, { series: "loss", steps: [1, 2], values: [2.5, null], diverged: true }]);
    assert.deepEqual([run.one, run.none], [[{ series: "accuracy" }], []]);
  });

  for (const [by, direction] of [["IMAGE", "ASC"], ["IMAGE", "DESC"], ["VALUE", "ASC"], ["VALUE", "DESC"]] as const) {
    it(`pages image results by ${by} ${direction} over equal and missing values, each once`, async () => {
      const rows: { image: number; value: number | null; model: { id: string } }[] = [];
      for (let cursor: string | null = null; ;) {
        const { run }: any = await api.ask(`query($id: ID!, $after: String) { run(id: $id) { imageResults(measure: "gini/global/absolute", first: 3, after: $after, sort: { by: ${by}, direction: ${direction} }) { edges { node { image value label prediction success model { id } } } pageInfo { hasNextPage endCursor } } } }`, { id: audit, after: cursor });
        rows.push(...run.imageResults.edges.map((e: { node: object }) => e.node));
        if (!run.imageResults.pageInfo.hasNextPage) break;
        cursor = run.imageResults.pageInfo.endCursor;
      }
      assert.equal(rows.length, 14);
      assert.equal(new Set(rows.map((r) => `${r.model.id} ${r.image}`)).size, 14);
      const keys = rows.map((r) => (by === "IMAGE" ? r.image : r.value ?? (direction === "ASC" ? Infinity : -Infinity)));
      assert.deepEqual(keys, [...keys].sort((a, b) => (direction === "ASC" ? a - b : b - a)));
    });
  }

  it("filters image results by model and measure", async () => {
    const { run } = await api.ask(`query($id: ID!, $model: ID!) { run(id: $id) { mine: imageResults(modelId: $model) { edges { node { image } } } none: imageResults(measure: "x") { edges { node { image } } pageInfo { endCursor hasNextPage } } } }`, { id: audit, model: models[0]!.modelId });
    assert.equal(run.mine.edges.length, 7);
    assert.deepEqual(run.none, { edges: [], pageInfo: { endCursor: null, hasNextPage: false } });
  });

  it("summarises inequality and attacks", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) {
      inequality { model { id } attribution { method steps rule baseline } measure { name scope sign block mode } gini { mean sd n low high } histogram lorenz completenessGap { mean } }
      attacks { model { id } attack { __typename ... on Pgd { norm epsilon steps stepSize target } ... on InductiveNoise { type law draws } ... on InductiveOcclusion { colours } } placement k colour maxCount maxRadius error { count n rate low high } accuracy { rate } } } }`, { id: audit });
    assert.deepEqual(run.inequality.map((s: any) => s.model.id), models.flatMap((m) => [m.modelId, m.modelId]), "in the order of the config");
    const regional = run.inequality.find((s: any) => s.measure.scope === "REGIONAL" && s.model.id === models[1]!.modelId);
    assert.deepEqual(regional.measure, { name: "regional-4/abs-sum", scope: "REGIONAL", sign: null, block: 4, mode: "ABS_SUM" });
    assert.deepEqual(regional.attribution, { method: "INTEGRATED_GRADIENTS", steps: 50, rule: "GAUSS_LEGENDRE", baseline: "MEAN" });
    assert.deepEqual([regional.gini.mean, regional.gini.n, regional.lorenz, regional.histogram, regional.completenessGap.mean], [0.7, 4, [0, 0.2, 1], [0, 4], 0.01]);
    assert.equal(run.attacks.length, 18);
    assert.deepEqual(run.attacks[0].attack, { __typename: "Pgd", norm: "LINF", epsilon: 0.3, steps: 20, stepSize: null, target: null });
    assert.deepEqual([run.attacks[0].placement, run.attacks[0].accuracy.rate], ["NONE", 0.1]);
    assert.deepEqual([run.attacks[1].attack.__typename, run.attacks[1].attack.type, run.attacks[1].k, run.attacks[1].placement], ["InductiveNoise", "II", 20, "INDUCTIVE"]);
    assert.deepEqual([run.attacks[8].attack.colours, run.attacks[8].colour, run.attacks[8].maxCount, run.attacks[8].maxRadius], [[0, 1], 1, 5, 2]);
  });

  it("lists artifacts with address, type and size", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) { artifacts(kind: ATTRIBUTION, first: 1) { edges { node { kind measure image shape url contentType bytes model { id } } } pageInfo { hasNextPage endCursor } } pngs: artifacts(measure: "pgd-linf") { edges { node { contentType } } } } }`, { id: audit });
    const [{ node }] = run.artifacts.edges;
    assert.deepEqual({ ...node, url: null }, { kind: "ATTRIBUTION", measure: "integrated-gradients", image: 3, shape: [1, 28, 28], url: null, contentType: "application/octet-stream", bytes: 3136, model: { id: models[0]!.modelId } });
    assert.equal((await fetch(api.url + node.url)).headers.get("content-length"), "3136");
    assert.equal(run.artifacts.pageInfo.hasNextPage, true);
    const next = (await api.ask(`query($id: ID!, $after: String) { run(id: $id) { artifacts(kind: ATTRIBUTION, first: 1, after: $after) { edges { node { model { id } } } pageInfo { hasNextPage } } } }`, { id: audit, after: run.artifacts.pageInfo.endCursor })).run.artifacts;
    assert.deepEqual(next, { edges: [{ node: { model: { id: models[1]!.modelId } } }], pageInfo: { hasNextPage: false } });
    assert.deepEqual(run.pngs.edges, [{ node: { contentType: "image/png" } }, { node: { contentType: "image/png" } }]);
  });
});

describe("compare", () => {
  const TABLE = `query($models: [ID!]!, $runId: ID) { compare(models: $models, runId: $runId) { run { id } sampleSize rows { model { id } cleanAccuracy { rate } pgd { attack { ... on Pgd { epsilon } } accuracy { rate } error { rate } } gini { measure { name } gini { mean } } errors { attack { __typename } k colour maxCount maxRadius error { count n } control { count n } } } } }`;
  const ids = () => models.map((m) => m.modelId);

  it("is the table of the newest audit, in the order asked for, each error beside its control", async () => {
    const { compare } = await api.ask(TABLE, { models: ids().reverse() });
    assert.equal(compare.run.id, audit);
    assert.equal(compare.sampleSize, 4);
    assert.deepEqual(compare.rows.map((row: any) => row.model.id), ids().reverse());
    const [row] = compare.rows;
    assert.deepEqual(row.cleanAccuracy, { rate: 0.96 });
    assert.deepEqual(row.pgd, [{ attack: { epsilon: 0.3 }, accuracy: { rate: 0.11 }, error: { rate: 0.5 } }]);
    assert.deepEqual(row.gini, [{ measure: { name: "global/absolute" }, gini: { mean: 0.7 } }, { measure: { name: "regional-4/abs-sum" }, gini: { mean: 0.7 } }]);
    assert.deepEqual(row.errors.map((e: any) => [e.attack.__typename, e.k, e.colour, e.maxCount, e.maxRadius, e.error.count, e.control.count]), [
      ["InductiveNoise", 20, null, null, null, 2, 0], ["InductiveNoise", 52, null, null, null, 2, 0], ["InductiveOcclusion", null, 0, 5, 2, 4, 1], ["InductiveOcclusion", null, 1, 5, 2, 4, 1],
    ]);
  });

  it("prefers an audit of exactly these models to a newer one of more, and takes the one that is named", async () => {
    const one = await makeAudit(api.database, api.blobDir, [ids()[0]!]);
    await api.database.db.update(runTable).set({ createdAt: new Date("2020-01-01") }).where(eq(runTable.id, one));
    const auditOf = async (variables: object) => (await api.ask(TABLE, variables)).compare.run.id as string;
    assert.equal(await auditOf({ models: [ids()[0]] }), one);
    assert.equal(await auditOf({ models: [ids()[1]] }), audit);
    assert.equal(await auditOf({ models: [ids()[0]], runId: audit }), audit);
  });

  it("says what to run when there is none", async () => {
    const { modelId } = await makeModel(api.database, api.blobDir);
    const fault = await api.fault(TABLE, { models: [...ids(), modelId] });
    assert.deepEqual([fault.code, fault.field], ["NOT_FOUND", "models"]);
    assert.match(fault.message, /run the mutation audit\(input: \{ models: \[/);
    const { code, field } = await api.fault(TABLE, { models: [ids()[0], modelId], runId: audit });
    assert.deepEqual([code, field], ["INVALID_INPUT", "models.1"]);
  });

  it("refuses models and runs that there are not", async () => {
    const faults = [[{ models: [newId()] }, "NOT_FOUND", "models.0"], [{ models: ["x"] }, "NOT_FOUND", "models.0"], [{ models: [] }, "INVALID_INPUT", "models"], [{ models: [ids()[0], ids()[0]] }, "INVALID_INPUT", "models"],
      [{ models: ids(), runId: newId() }, "NOT_FOUND", "runId"], [{ models: ids(), runId: models[0]!.run.id }, "NOT_FOUND", "runId"]] as const;
    for (const [variables, code, field] of faults) assert.deepEqual(await api.fault(TABLE, variables).then((f) => [f.code, f.field]), [code, field]);
  });
});

describe("arguments", () => {
  const faults = [
    ["{ runs(first: 0) { edges { cursor } } }", "first"], ["{ models(first: 201) { edges { cursor } } }", "first"], ["{ models(first: -1) { edges { cursor } } }", "first"],
    ['{ runs(after: "%%%") { edges { cursor } } }', "after"], ['{ runs(after: "W10") { edges { cursor } } }', "after"], ['{ models(after: "WyJ4IiwieSJd") { edges { cursor } } }', "after"],
  ] as const;
  for (const [query, field] of faults) {
    it(`refuses ${query}`, async () => {
      assert.deepEqual(await api.fault(query).then((f) => [f.code, f.field]), ["INVALID_INPUT", field]);
    });
  }

  it("refuses a cursor of another order, and an id of no model", async () => {
    const { run } = await api.ask(`query($id: ID!) { run(id: $id) { imageResults(first: 1) { pageInfo { endCursor } } } }`, { id: audit });
    const query = (args: string) => `query($id: ID!) { run(id: $id) { imageResults(${args}) { edges { cursor } } } }`;
    assert.deepEqual(await api.fault(query(`after: "${run.imageResults.pageInfo.endCursor}", sort: { by: VALUE }`), { id: audit }).then((f) => [f.code, f.field]), ["INVALID_INPUT", "after"]);
    assert.deepEqual(await api.fault(query('modelId: "x"'), { id: audit }).then((f) => [f.code, f.field]), ["NOT_FOUND", "modelId"]);
    for (const args of ["after: -1", "first: 0", "first: 1001"]) assert.equal((await api.fault(`query($id: ID!) { run(id: $id) { events(${args}) { seq } } }`, { id: audit })).code, "INVALID_INPUT");
  });
});
