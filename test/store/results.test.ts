import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { eq } from "drizzle-orm";

import { type ResultsInput, resultsSchema } from "../../schema/jobs/results.ts";
import { accuracies, artifacts, attackSummaries, imageResults, inequalitySummaries, metrics, runs } from "../../schema/tables/tables.ts";
import { blobPath, writeBlob } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { findBlob, removeUnused } from "../../services/store/blobs.store.ts";
import { lastCheckpoint } from "../../services/store/checkpoints.store.ts";
import { type Claim, claimRun, failAttempt, finishRun, recordCheckpoint, recordKernelVariants, recordProgress, recordResults } from "../../services/store/claims.store.ts";
import { deleteModel, getModel } from "../../services/store/models.store.ts";
import { getRun, requestCancel } from "../../services/store/runs.store.ts";
import { inequalityConfig, makeModel, makeRun, trainConfig, trainedModel } from "../support/runs.ts";
import { type TestDatabase, openTestDatabase } from "../support/test-db.ts";

let t: TestDatabase;
let model: Awaited<ReturnType<typeof makeModel>>;
before(async () => {
  t = await openTestDatabase();
  model = await makeModel(t.database, t.blobDir);
});
after(() => t.close());

async function claim(runId: string): Promise<Claim> {
  const result = await claimRun(t.database, runId, { agentId: newId(), environment: null, blobDir: t.blobDir });
  assert.equal(result.outcome, "claimed");
  return (result as { claim: Claim }).claim;
}

const mean = { mean: 0.5, sd: 0.1, n: 2, low: 0.4, high: 0.6 };
const rate = (count: number) => ({ count, n: 2, rate: count / 2, low: 0, high: 1 });
const image = (i: number, value: number) => ({ modelId: model.modelId, measure: "gini/global/absolute", image: i, label: 3, prediction: null, value, success: null });

async function batch(tag: string, value = 0.5): Promise<ResultsInput> {
  const { modelId } = model;
  return {
    images: [image(1, value), image(2, value), image(1, value)],
    inequality: [{ modelId, attribution: {}, measure: { scope: "global" }, gini: { ...mean, mean: value }, histogram: [1, 1], lorenz: [0, 1], completenessGap: null }],
    attacks: ([["inductive", 4], ["random", 4], ["inductive", 8]] as const).map(([placement, k]) => ({
      modelId, attack: { kind: "inductive-noise" as const, type: "I" as const, k: [4, 8] }, placement, k, colour: null, maxCount: null, maxRadius: null, error: rate(value > 0.5 ? 2 : 1), accuracy: null,
    })),
    artifacts: [{ modelId, image: 1, kind: "heat-map", measure: "saliency", shape: [28, 28], blob: await writeBlob(t.blobDir, Buffer.from(tag), "image/png") }],
    sampleSet: { split: "test", indices: [2, 1] },
    accuracies: [{ modelId, clean: rate(2) }],
  };
}

async function stored(runId: string): Promise<Record<string, unknown[]>> {
  const result: Record<string, unknown[]> = {};
  for (const [name, table] of Object.entries({ imageResults, inequalitySummaries, attackSummaries, accuracies, artifacts, metrics })) {
    result[name] = (await t.database.db.select().from(table).where(eq(table.runId, runId))).map((row) => ({ ...row, id: undefined }));
  }
  return result;
}
const counts = async (runId: string) => Object.values(await stored(runId)).map((rows) => rows.length);

describe("recordResults", () => {
  it("stores a batch, once however often it comes, with the newest values in their first places", async () => {
    const run = await makeRun(t.database, inequalityConfig(model.modelId));
    const c = await claim(run.id);
    await recordResults(t.database, c, t.blobDir, resultsSchema.parse(await batch("a")));
    const first = await stored(run.id);
    assert.deepEqual(Object.values(first).map((rows) => rows.length), [2, 1, 3, 1, 1, 0]);
    await recordResults(t.database, c, t.blobDir, resultsSchema.parse(await batch("a")));
    assert.deepEqual(await stored(run.id), first);
    await recordResults(t.database, c, t.blobDir, resultsSchema.parse({ ...await batch("b", 0.75), attacks: (await batch("b", 0.75)).attacks!.toReversed() }));
    const attacks = await t.database.db.select().from(attackSummaries).where(eq(attackSummaries.runId, run.id)).orderBy(attackSummaries.position);
    assert.deepEqual(attacks.map((a) => [a.position, a.summary.placement, a.summary.k, a.error.count]), [[0, "inductive", 4, 2], [1, "random", 4, 2], [2, "inductive", 8, 2]]);
    assert.deepEqual((await stored(run.id)).imageResults!.map((r) => (r as { value: number }).value), [0.75, 0.75]);
    assert.deepEqual((await getRun(t.database.db, run.id)).sampleSet, { split: "test", indices: [2, 1] });
  });

  it("stores nothing of a batch of which one part cannot be stored", async () => {
    const run = await makeRun(t.database, inequalityConfig(model.modelId));
    const c = await claim(run.id);
    const good = await batch("c");
    const missing = [{ ...good.artifacts![0]!, blob: { sha256: "1".repeat(64), bytes: 1, contentType: "image/png" } }];
    await assert.rejects(recordResults(t.database, c, t.blobDir, resultsSchema.parse({ ...good, artifacts: missing })), { code: "BLOB_CORRUPT" });
    assert.deepEqual(await counts(run.id), [0, 0, 0, 0, 0, 0]);
    assert.equal((await getRun(t.database.db, run.id)).lastSeq, 2);
  });

  it("takes more rows than one statement may have parameters, and values that are not finite as null", async () => {
    const run = await makeRun(t.database, inequalityConfig(model.modelId));
    const c = await claim(run.id);
    await recordResults(t.database, c, t.blobDir, resultsSchema.parse({ images: Array.from({ length: 8000 }, (_, i) => ({ ...image(i, i), value: i % 2 ? null : i, detail: { queries: i } })) }));
    const rows = await t.database.db.select().from(imageResults).where(eq(imageResults.runId, run.id)).orderBy(imageResults.image);
    assert.deepEqual([rows.length, rows[7999]!.value, rows[7998]!.value, rows[7998]!.detail], [8000, null, 7998, { queries: 7998 }]);
  });

  it("is cleared when an attempt starts from scratch, files of artifacts included", async () => {
    const run = await makeRun(t.database, inequalityConfig(model.modelId));
    const c = await claim(run.id);
    const [doomed, shared] = [await batch(`only here ${run.id}`), await batch("b")]; // the first test's run refers to "b"
    await recordResults(t.database, c, t.blobDir, resultsSchema.parse({ ...doomed, artifacts: [...doomed.artifacts!, { ...shared.artifacts![0]!, image: 2 }] }));
    await recordProgress(t.database, c, { points: [{ series: "s", step: 0, value: 1 }] });
    assert.deepEqual(await counts(run.id), [2, 1, 3, 1, 2, 1]);
    await failAttempt(t.database, c, t.blobDir, { code: "RUNNER_DIED", message: "gone", details: {} });
    await claim(run.id);
    assert.deepEqual(await counts(run.id), [0, 0, 0, 0, 0, 0]);
    assert.equal((await getRun(t.database.db, run.id)).sampleSet, null);
    assert.ok(!existsSync(blobPath(t.blobDir, doomed.artifacts![0]!.blob.sha256)));
    assert.ok(existsSync(blobPath(t.blobDir, shared.artifacts![0]!.blob.sha256)), "another run still refers to it");
  });
});

describe("kernel variants", () => {
  const variantsOf = async (runId: string) => (await getRun(t.database.db, runId)).kernelVariants;

  it("of an attempt that goes on are added to, and those of one that starts from scratch are cleared", async () => {
    for (const [config, kept] of [[trainConfig(), { a: ["direct"], b: ["direct", "columns"] }], [inequalityConfig(model.modelId), { b: ["direct", "columns"] }]] as const) {
      const run = await makeRun(t.database, config);
      assert.equal(await variantsOf(run.id), null);
      const c = await claim(run.id);
      await recordKernelVariants(t.database, c, { a: ["direct"], b: ["direct"] });
      if (config.kind === "train") await recordCheckpoint(t.database, c, t.blobDir, 1, await writeBlob(t.blobDir, Buffer.from(run.id), "x/y"));
      await failAttempt(t.database, c, t.blobDir, { code: "RUNNER_DIED", message: "gone", details: {} });
      await recordKernelVariants(t.database, await claim(run.id), { b: ["direct", "columns"] });
      assert.deepEqual(await variantsOf(run.id), kept);
    }
  });
});

describe("metrics", () => {
  it("of a step that comes again replace the old ones", async () => {
    const run = await makeRun(t.database, trainConfig());
    const c = await claim(run.id);
    await recordProgress(t.database, c, { points: [{ series: "loss", step: 1, value: 2 }, { series: "loss", step: 1, value: 3 }, { series: "loss", step: 2, value: null }] });
    await recordProgress(t.database, c, { points: [{ series: "loss", step: 1, value: 1 }] });
    const rows = await t.database.db.select().from(metrics).where(eq(metrics.runId, run.id)).orderBy(metrics.step);
    assert.deepEqual(rows.map((r) => [r.step, r.value]), [[1, 1], [2, null]]);
  });
});

describe("checkpoints", () => {
  it("keep the newest only, with its file, and none once the run has ended", async () => {
    const run = await makeRun(t.database, trainConfig());
    const c = await claim(run.id);
    const blobs = await Promise.all(["1", "2"].map((e) => writeBlob(t.blobDir, Buffer.from(`checkpoint ${e} of ${run.id}`), "application/octet-stream")));
    await recordCheckpoint(t.database, c, t.blobDir, 1, blobs[0]!);
    assert.deepEqual(await lastCheckpoint(t.database.db, run.id), { epoch: 1, blob: blobs[0] });
    await recordCheckpoint(t.database, c, t.blobDir, 2, blobs[1]!);
    assert.deepEqual(await lastCheckpoint(t.database.db, run.id), { epoch: 2, blob: blobs[1] });
    assert.deepEqual(blobs.map((b) => existsSync(blobPath(t.blobDir, b.sha256))), [false, true]);
    await finishRun(t.database, c, t.blobDir, { model: await trainedModel(t.blobDir, run.id) });
    assert.equal(await lastCheckpoint(t.database.db, run.id), undefined);
    assert.ok(!existsSync(blobPath(t.blobDir, blobs[1]!.sha256)));
    assert.equal(await findBlob(t.database.db, blobs[1]!.sha256), undefined);
  });

  it("let training go on, keeping what it measured; without one it starts anew", async () => {
    const run = await makeRun(t.database, trainConfig());
    const died = { code: "RUNNER_DIED", message: "gone", details: {} };
    const c = await claim(run.id);
    await recordProgress(t.database, c, { points: [{ series: "loss", step: 1, value: 1 }] });
    await failAttempt(t.database, c, t.blobDir, died);
    const second = await claim(run.id);
    assert.deepEqual(await counts(run.id), [0, 0, 0, 0, 0, 0]);
    await recordProgress(t.database, second, { points: [{ series: "loss", step: 1, value: 1 }] });
    await recordCheckpoint(t.database, second, t.blobDir, 1, await writeBlob(t.blobDir, Buffer.from(run.id), "application/octet-stream"));
    await failAttempt(t.database, second, t.blobDir, died);
    const third = await claimRun(t.database, run.id, { agentId: newId(), environment: null, blobDir: t.blobDir });
    assert.ok(third.outcome === "claimed" && third.resume?.epoch === 1);
    assert.deepEqual(await counts(run.id), [0, 0, 0, 0, 0, 1]);
    assert.equal(await failAttempt(t.database, third.claim, t.blobDir, died), "ended");
    const { status, errorCode, errorDetails } = await getRun(t.database.db, run.id);
    assert.deepEqual([status, errorCode, errorDetails], ["failed", "ATTEMPTS_EXHAUSTED", { cause: died }]);
  });
});

describe("a model", () => {
  it("comes with the success of its training, or neither does", async () => {
    const run = await makeRun(t.database, trainConfig("named"));
    const c = await claim(run.id);
    const trained = await trainedModel(t.blobDir, run.id);
    await assert.rejects(finishRun(t.database, c, t.blobDir, { model: { ...trained, weights: { ...trained.weights, bytes: 1 } } }), { code: "BLOB_CORRUPT" });
    await assert.rejects(finishRun(t.database, c, t.blobDir), { code: "INVARIANT" });
    assert.equal((await getRun(t.database.db, run.id)).status, "running");
    assert.equal((await t.database.db.select().from(runs).where(eq(runs.id, run.id)))[0]!.finishedAt, null);
    await finishRun(t.database, c, t.blobDir, { model: trained });
    const made = await makeModel(t.database, t.blobDir);
    const { name, architecture, dataset, weightsSha256, trainingRunId } = await getModel(t.database.db, made.modelId);
    assert.deepEqual([name, architecture, dataset, weightsSha256, trainingRunId], ["a model", "tiny-cnn", "mnist-digits", made.sha256, made.run.id]);
  });

  it("in use cannot be deleted; afterwards its row stays, its weights go, and no run can ask for it", async () => {
    const { modelId, sha256 } = await makeModel(t.database, t.blobDir);
    const run = await makeRun(t.database, inequalityConfig(modelId));
    await assert.rejects(deleteModel(t.database.db, t.blobDir, modelId), { code: "MODEL_IN_USE", details: { modelId, runs: [run.id] } });
    await claim(run.id);
    await assert.rejects(deleteModel(t.database.db, t.blobDir, modelId), { code: "MODEL_IN_USE" });
    const other = await makeRun(t.database, inequalityConfig(modelId));
    await requestCancel(t.database, other.id);
    await finishRun(t.database, { runId: run.id, attempt: 1 }, t.blobDir);
    const deleted = await deleteModel(t.database.db, t.blobDir, modelId);
    assert.ok(deleted.deletedAt && deleted.weightsSha256 === null);
    assert.ok(!existsSync(blobPath(t.blobDir, sha256)));
    assert.deepEqual(await deleteModel(t.database.db, t.blobDir, modelId), deleted);
    await assert.rejects(makeRun(t.database, inequalityConfig(modelId)), { code: "MODEL_DELETED" });
    await assert.rejects(deleteModel(t.database.db, t.blobDir, newId()), { code: "NOT_FOUND" });
  });

  it("shares its file with one of the same weights until both are deleted", async () => {
    const [a, b] = [await makeModel(t.database, t.blobDir, "twins"), await makeModel(t.database, t.blobDir, "twins")];
    await deleteModel(t.database.db, t.blobDir, a.modelId);
    assert.ok(existsSync(blobPath(t.blobDir, a.sha256)));
    await removeUnused(t.database.db, t.blobDir, [a.sha256]);
    assert.ok(existsSync(blobPath(t.blobDir, a.sha256)));
    await deleteModel(t.database.db, t.blobDir, b.modelId);
    assert.ok(!existsSync(blobPath(t.blobDir, a.sha256)));
  });
});
