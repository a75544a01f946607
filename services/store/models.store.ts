import { and, asc, eq, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";

import type { ImportModelConfig, TrainConfig } from "../../schema/jobs/run-config.ts";
import type { ImportedModel, TrainedModel } from "../../schema/jobs/results.ts";
import type { ModelRef } from "../../schema/jobs/runner-message.ts";
import { blobs, models, runModels } from "../../schema/tables/tables.ts";
import { AppError } from "../common/errors.ts";
import { newId } from "../common/ids.ts";
import { registerBlobs, removeUnused } from "./blobs.store.ts";
import type { Db } from "./database.ts";
import { dropProductsOf } from "./run-files.store.ts";
import { unfinishedRunsOf } from "./runs.store.ts";

export type Model = typeof models.$inferSelect;

/** @throws AppError NOT_FOUND. */
export async function getModel(db: Db, modelId: string): Promise<Model> {
  const [model] = await db.select().from(models).where(eq(models.id, modelId));
  if (!model) throw new AppError("NOT_FOUND", `model: none with id ${modelId}`, { modelId });
  return model;
}

/** What training made, as the run's product. @throws AppError BLOB_CORRUPT when the weights are not there. */
export async function insertModel(tx: Db, folder: string, runId: string, config: TrainConfig, trained: TrainedModel): Promise<string> {
  await registerBlobs(tx, folder, [trained.weights], runId);
  const { weights, ...facts } = trained;
  const id = newId();
  await tx.insert(models).values({
    id, name: config.name, architecture: config.architecture, dataset: config.dataset, trainingRunId: runId,
    weightsSha256: weights.sha256, weightsBytes: weights.bytes, ...facts,
  });
  await tx.insert(runModels).values({ runId, modelId: id, role: "product" });
  return id;
}

/** What an import made, as the run's product. @throws AppError BLOB_CORRUPT when a file is not there. */
export async function insertImportedModel(tx: Db, folder: string, runId: string, config: ImportModelConfig, imported: ImportedModel): Promise<string> {
  const { weights, definition, ...facts } = imported;
  await registerBlobs(tx, folder, definition ? [weights, definition] : [weights], runId);
  const id = newId();
  await tx.insert(models).values({
    id, name: config.name, architecture: config.from.kind === "state-dict" ? config.from.architecture : null, dataset: config.dataset ?? null, importRunId: runId,
    weightsSha256: weights.sha256, weightsBytes: weights.bytes, definitionSha256: definition?.sha256 ?? null,
    classNames: config.classNames ?? null, source: config.source ?? null, licence: config.licence ?? null, finalMetrics: {}, ...facts,
  });
  await tx.insert(runModels).values({ runId, modelId: id, role: "product" });
  return id;
}

/** The models that a run reads, in order, as the runner gets them. @throws AppError MODEL_DELETED. */
export async function subjectsOf(db: Db, runId: string): Promise<ModelRef[]> {
  const definitions = alias(blobs, "definitions");
  const rows = await db.select({
    model: models, weights: { sha256: blobs.sha256, bytes: blobs.bytes, contentType: blobs.contentType },
    definition: { sha256: definitions.sha256, bytes: definitions.bytes, contentType: definitions.contentType },
  })
    .from(runModels).innerJoin(models, eq(models.id, runModels.modelId))
    .leftJoin(blobs, eq(blobs.sha256, models.weightsSha256)).leftJoin(definitions, eq(definitions.sha256, models.definitionSha256))
    .where(and(eq(runModels.runId, runId), eq(runModels.role, "subject"))).orderBy(asc(runModels.position));
  return rows.map(({ model, weights, definition }) => {
    if (!weights) throw new AppError("MODEL_DELETED", `model ${model.id}: expected one with weights, got a deleted one`, { modelId: model.id });
    const [c, h, w] = model.inputShape as [number, number, number];
    return { id: model.id, name: model.name, architecture: model.architecture, definition, weights, normalisation: model.normalisation, inputShape: [c, h, w], classCount: model.classCount };
  });
}

/**
 * Keeps the row and all results, drops the weights and what was exported from it (the files too, unless something else has the same bytes). Again: nothing more.
 *
 * @throws AppError NOT_FOUND; MODEL_IN_USE with `runs` while a queued or running run needs it.
 */
export async function deleteModel(db: Db, folder: string, modelId: string): Promise<Model> {
  const { model, unused } = await db.transaction(async (tx) => {
    const [found] = await tx.select().from(models).where(eq(models.id, modelId)).for("update");
    if (!found) throw new AppError("NOT_FOUND", `model: none with id ${modelId}`, { modelId });
    if (found.deletedAt) return { model: found, unused: [] };
    const users = await unfinishedRunsOf(tx, modelId);
    if (users.length > 0) throw new AppError("MODEL_IN_USE", `model ${modelId}: expected no unfinished run that uses it, got ${users.join(", ")}; cancel it first`, { modelId, runs: users });
    const [deleted] = await tx.update(models).set({ deletedAt: sql`now()`, weightsSha256: null, definitionSha256: null }).where(eq(models.id, modelId)).returning();
    return { model: deleted!, unused: [found.weightsSha256, found.definitionSha256, ...await dropProductsOf(tx, modelId)].filter((sha256) => sha256 !== null) };
  });
  await removeUnused(db, folder, unused);
  return model;
}
