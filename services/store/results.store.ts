/** What a run found. Every write replaces what it repeats, so a batch that is sent again changes nothing. */
import { type SQL, eq, max, sql } from "drizzle-orm";

import { measureName } from "../../schema/jobs/attribution.ts";
import type { AttackSummary, Results } from "../../schema/jobs/results.ts";
import { accuracies, artifacts, attackSummaries, imageResults, inequalitySummaries, metrics, predictions, runs } from "../../schema/tables/tables.ts";
import { registerBlobs } from "./blobs.store.ts";
import type { Db } from "./database.ts";
import { canonicalJson, sha256Of } from "./request-hash.ts";
import { inChunks, lastOfEach } from "./rows.ts";

/** @throws AppError BLOB_CORRUPT when an artifact's file is not there. */
export async function saveResults(tx: Db, folder: string, runId: string, results: Results): Promise<void> {
  await saveImages(tx, runId, results.images);
  await saveInequality(tx, runId, results.inequality);
  await saveAttacks(tx, runId, results.attacks);
  await saveArtifacts(tx, folder, runId, results.artifacts);
  await savePredictions(tx, runId, results.predictions);
  for (const { modelId, clean } of results.accuracies) {
    await tx.insert(accuracies).values({ runId, modelId, clean }).onConflictDoUpdate({ target: [accuracies.runId, accuracies.modelId], set: { clean } });
  }
  if (results.sampleSet) await tx.update(runs).set({ sampleSet: results.sampleSet }).where(eq(runs.id, runId));
}

/**
 * Before an attempt starts from scratch: nothing of an earlier one may mix with it.
 *
 * @returns hashes to give to `removeUnused` after the commit.
 */
export async function clearResults(tx: Db, runId: string): Promise<string[]> {
  for (const table of [imageResults, inequalitySummaries, attackSummaries, accuracies, predictions, metrics]) await tx.delete(table).where(eq(table.runId, runId));
  const dropped = await tx.delete(artifacts).where(eq(artifacts.runId, runId)).returning({ sha256: artifacts.sha256 });
  await tx.update(runs).set({ sampleSet: null, progress: null, kernelVariants: null }).where(eq(runs.id, runId));
  return dropped.map((row) => row.sha256);
}

/** An audit has tens of thousands of these: rows as one JSON value take a third of the time of rows as parameters. */
async function saveImages(tx: Db, runId: string, images: Results["images"]): Promise<void> {
  const rows = lastOfEach(images, (r) => `${r.modelId}\n${r.measure}\n${r.image}`);
  await inChunks(rows, (chunk) => tx.execute(sql`
    insert into ${imageResults} (run_id, model_id, measure, image, label, prediction, value, success, detail)
    select ${runId}::uuid, r.* from json_to_recordset(${JSON.stringify(chunk)}::json)
      as r("modelId" uuid, measure text, image integer, label integer, prediction integer, value double precision, success boolean, detail jsonb)
    on conflict (run_id, model_id, measure, image) do update
      set label = excluded.label, prediction = excluded.prediction, value = excluded.value, success = excluded.success, detail = excluded.detail`));
}

async function saveInequality(tx: Db, runId: string, summaries: Results["inequality"]): Promise<void> {
  const rows = lastOfEach(summaries.map((summary) => ({ runId, modelId: summary.modelId, measure: measureName(summary.measure), summary, gini: summary.gini })), (r) => `${r.modelId}\n${r.measure}`);
  await inChunks(rows, (chunk) => tx.insert(inequalitySummaries).values(chunk).onConflictDoUpdate({
    target: [inequalitySummaries.runId, inequalitySummaries.modelId, inequalitySummaries.measure],
    set: excluded("summary", "gini"),
  }));
}

async function saveAttacks(tx: Db, runId: string, summaries: Results["attacks"]): Promise<void> {
  if (summaries.length === 0) return;
  const [last] = await tx.select({ position: max(attackSummaries.position) }).from(attackSummaries).where(eq(attackSummaries.runId, runId));
  const first = (last?.position ?? -1) + 1;
  const rows = lastOfEach(summaries.map((summary) => ({ runId, modelId: summary.modelId, key: attackKey(summary), summary, error: summary.error })), (r) => r.key);
  await inChunks(rows.map((row, i) => ({ ...row, position: first + i })), (chunk) => tx.insert(attackSummaries).values(chunk).onConflictDoUpdate({
    target: [attackSummaries.runId, attackSummaries.key],
    set: excluded("summary", "error"), // keeps its place
  }));
}

/** What a row of the table is about, without what was found. */
function attackKey({ error: _error, accuracy: _accuracy, ...subject }: AttackSummary): string { return sha256Of(canonicalJson(subject)); }

async function saveArtifacts(tx: Db, folder: string, runId: string, found: Results["artifacts"]): Promise<void> {
  await registerBlobs(tx, folder, found.map((a) => a.blob), runId);
  const rows = lastOfEach(found, (a) => `${a.modelId}\n${a.image}\n${a.kind}\n${a.measure}`).map(({ blob, ...row }) => ({ runId, ...row, sha256: blob.sha256 }));
  await inChunks(rows, (chunk) => tx.insert(artifacts).values(chunk).onConflictDoUpdate({
    target: [artifacts.runId, artifacts.modelId, artifacts.image, artifacts.kind, artifacts.measure],
    set: excluded("shape", "sha256"),
  }));
}

async function savePredictions(tx: Db, runId: string, found: Results["predictions"]): Promise<void> {
  const rows = lastOfEach(found, (p) => `${p.modelId}\n${p.image}`).map((row) => ({ runId, ...row }));
  await inChunks(rows, (chunk) => tx.insert(predictions).values(chunk).onConflictDoUpdate({ target: [predictions.runId, predictions.modelId, predictions.image], set: excluded("label", "top") }));
}

/** `set` of an upsert: these columns take the new row's value. Their names are the same in SQL. */
function excluded<K extends string>(...columns: K[]): Record<K, SQL> {
  return Object.fromEntries(columns.map((column) => [column, sql.raw(`excluded.${column}`)])) as Record<K, SQL>;
}
