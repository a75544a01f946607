/** Runs as callers see them: made, asked for, cancelled. What agents do to them is in claims.store.ts. */
import { and, desc, eq, inArray, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";

import { type RunConfig, type RunStatus, datasetsOf, modelsOf } from "../../schema/jobs/run-config.ts";
import { uploadsOf } from "../../schema/jobs/run-files.ts";
import { models, runModels, runs } from "../../schema/tables/tables.ts";
import { AppError } from "../common/errors.ts";
import { newId } from "../common/ids.ts";
import type { Db, Store } from "./database.ts";
import { appendEvents } from "./events.store.ts";
import { notify } from "./notify.ts";
import { dropJob, sendRun } from "./queue.ts";
import { addInputs, dropInputs } from "./run-files.store.ts";

export type Run = typeof runs.$inferSelect;

export interface NewRun {
  /** With every default filled in. */
  readonly config: RunConfig;
  /** Decimal, 0 … 2^64 − 1. */
  readonly seed: string;
  /** requestHash() of what the caller asked for. */
  readonly requestHash: string;
  readonly idempotencyKey?: string | undefined;
}

/**
 * Stores the run, its first event and its job in one transaction: once this returns it will be worked on, whatever dies.
 * The same idempotency key with the same request returns the first run.
 *
 * @throws AppError CONFLICT (key used for another request), NOT_FOUND, MODEL_DELETED.
 */
export async function createRun({ db, boss }: Store, { config, seed, requestHash, idempotencyKey }: NewRun): Promise<{ readonly run: Run; readonly created: boolean }> {
  return db.transaction(async (tx) => {
    // On a race for a key the loser waits here for the winner's commit, then gets no row.
    const [run] = await tx.insert(runs)
      .values({ id: newId(), kind: config.kind, config, seed, dataset: config.kind === "register-dataset" ? config.name : datasetsOf(config)[0] ?? null, requestHash, idempotencyKey: idempotencyKey ?? null })
      .onConflictDoNothing({ target: runs.idempotencyKey }).returning();
    if (!run) return { run: await sameRequest(tx, idempotencyKey!, requestHash), created: false };
    await addSubjects(tx, run.id, modelsOf(config));
    await addInputs(tx, run.id, uploadsOf(config));
    const lastSeq = await appendEvents(tx, run.id, 0, [{ type: "QUEUED", payload: {} }]);
    await notify(tx, "runs_changed", run.id);
    await sendRun(tx, boss, run.id);
    return { run: { ...run, lastSeq }, created: true };
  });
}

async function sameRequest(tx: Db, idempotencyKey: string, requestHash: string): Promise<Run> {
  const [run] = await tx.select().from(runs).where(eq(runs.idempotencyKey, idempotencyKey));
  if (run?.requestHash === requestHash) return run;
  throw new AppError("CONFLICT", `idempotency key ${JSON.stringify(idempotencyKey)}: expected the request it was first used with, got another; use a new key`, { idempotencyKey, ...(run && { runId: run.id }) });
}

/** The share lock keeps deleteModel out until the run is there to be seen. */
async function addSubjects(tx: Db, runId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const found = await tx.select({ id: models.id, deletedAt: models.deletedAt }).from(models).where(inArray(models.id, [...ids])).orderBy(models.id).for("share");
  for (const modelId of ids) {
    const model = found.find((m) => m.id === modelId);
    if (!model) throw new AppError("NOT_FOUND", `model: none with id ${modelId}`, { modelId });
    if (model.deletedAt) throw new AppError("MODEL_DELETED", `model ${modelId}: expected one with weights, got one deleted at ${model.deletedAt.toISOString()}`, { modelId });
  }
  await tx.insert(runModels).values(ids.map((modelId, position) => ({ runId, modelId, role: "subject" as const, position })));
}

/** @throws AppError NOT_FOUND. */
export async function getRun(db: Db, runId: string): Promise<Run> {
  const [run] = await db.select().from(runs).where(eq(runs.id, runId));
  return run ?? notFound(runId);
}

/** The run with its row locked until the transaction ends. @throws AppError NOT_FOUND. */
export async function lockRun(tx: Db, runId: string): Promise<Run> {
  const [run] = await tx.select().from(runs).where(eq(runs.id, runId)).for("update");
  return run ?? notFound(runId);
}

/**
 * Cancels a queued run at once; asks the agent of a running one to stop it. Again, or for a cancelled run: nothing more.
 *
 * @throws AppError NOT_FOUND; CONFLICT when it has succeeded or failed.
 */
export async function requestCancel({ db, boss }: Store, runId: string): Promise<Run> {
  return db.transaction(async (tx) => {
    const run = await lockRun(tx, runId);
    if (run.status === "succeeded" || run.status === "failed") throw new AppError("CONFLICT", `run ${runId}: expected one that has not ended, got ${run.status}`, { runId, status: run.status });
    if (run.status === "cancelled" || run.cancelRequestedAt) return run;
    const [marked] = await tx.update(runs).set({ cancelRequestedAt: sql`now()` }).where(eq(runs.id, runId)).returning();
    await appendEvents(tx, runId, run.attempt, [{ type: "CANCEL_REQUESTED", payload: {} }]);
    if (run.status === "queued") {
      await dropJob(tx, boss, runId);
      return endRun(tx, marked!, { status: "cancelled" });
    }
    await notify(tx, "run_cancel", runId);
    await notify(tx, "runs_changed", runId);
    return getRun(tx, runId);
  });
}

export type Ending =
  | { readonly status: "succeeded"; readonly modelId: string | null }
  | { readonly status: "failed"; readonly code: string; readonly message: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly status: "cancelled" };

/** Ends a run for good: a status, a last event, a wake-up. The caller holds the row's lock. @throws AppError CONFLICT. */
export async function endRun(tx: Db, run: Run, ending: Ending): Promise<Run> {
  await changeStatus(tx, run, ["queued", "running"], {
    status: ending.status, finishedAt: sql`now()`, progress: null,
    ...(ending.status === "failed" && { errorCode: ending.code, errorMessage: ending.message, errorDetails: { ...ending.details } }),
  });
  await appendEvents(tx, run.id, run.attempt, [
    ending.status === "succeeded" ? { type: "SUCCEEDED", payload: { modelId: ending.modelId } }
      : ending.status === "failed" ? { type: "FAILED", payload: { code: ending.code, message: ending.message } }
        : { type: "CANCELLED", payload: {} },
  ]);
  await dropInputs(tx, run.id);
  return getRun(tx, run.id);
}

/** The only writer of `status`: in SQL, so that a run which has ended never changes, whoever tries. @throws AppError CONFLICT. */
export async function changeStatus(tx: Db, run: Pick<Run, "id">, from: readonly RunStatus[], values: PgUpdateSetSource<typeof runs> & { status: RunStatus }): Promise<Run> {
  const [changed] = await tx.update(runs).set(values).where(and(eq(runs.id, run.id), inArray(runs.status, [...from]))).returning();
  if (!changed) throw new AppError("CONFLICT", `run ${run.id}: expected ${from.join(" or ")} before it becomes ${values.status}, got ${(await getRun(tx, run.id)).status}`, { runId: run.id });
  await notify(tx, "runs_changed", run.id);
  return changed;
}

/** The newest unfinished runs that use the model. */
export async function unfinishedRunsOf(tx: Db, modelId: string, limit = 10): Promise<string[]> {
  const rows = await tx.select({ id: runs.id }).from(runs).innerJoin(runModels, eq(runModels.runId, runs.id))
    .where(and(eq(runModels.modelId, modelId), eq(runModels.role, "subject"), inArray(runs.status, ["queued", "running"])))
    .orderBy(desc(runs.createdAt)).limit(limit);
  return rows.map((row) => row.id);
}

function notFound(runId: string): never { throw new AppError("NOT_FOUND", `run: none with id ${runId}`, { runId }); }
