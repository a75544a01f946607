import { and, asc, desc, eq, exists, inArray, sql } from "drizzle-orm";

import type { RunKind, RunStatus } from "../../../schema/jobs/run-config.ts";
import { blobs, runFiles, runModels, runs } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";
import { type CreatedKey, olderThan } from "./keyset.ts";

export type RunRow = typeof runs.$inferSelect;
export type RunModelRow = typeof runModels.$inferSelect;
export interface RunProductRow { readonly runId: string; readonly sha256: string; readonly bytes: number }

export interface RunListFilter { readonly kind?: RunKind | undefined; readonly status?: RunStatus | undefined; readonly modelId?: string | undefined }

/** Newest first. */
export async function listRuns(db: Db, filter: RunListFilter, limit: number, after?: CreatedKey): Promise<RunRow[]> {
  const { modelId } = filter;
  return db.select().from(runs).where(and(
    filter.kind === undefined ? undefined : eq(runs.kind, filter.kind),
    filter.status === undefined ? undefined : eq(runs.status, filter.status),
    modelId === undefined ? undefined : exists(db.select({ one: sql`1` }).from(runModels).where(and(eq(runModels.runId, runs.id), eq(runModels.modelId, modelId)))),
    olderThan(runs, after),
  )).orderBy(desc(runs.createdAt), desc(runs.id)).limit(limit);
}

export async function runsByIds(db: Db, ids: readonly string[]): Promise<RunRow[]> {
  return ids.length === 0 ? [] : db.select().from(runs).where(inArray(runs.id, [...ids]));
}

export async function runByIdempotencyKey(db: Db, key: string): Promise<RunRow | undefined> {
  return (await db.select().from(runs).where(eq(runs.idempotencyKey, key)))[0];
}

/** In the order in which each run names its models. */
export async function modelsOfRuns(db: Db, runIds: readonly string[]): Promise<RunModelRow[]> {
  return runIds.length === 0 ? [] : db.select().from(runModels).where(inArray(runModels.runId, [...runIds])).orderBy(asc(runModels.runId), asc(runModels.position));
}

/** Files that runs made for download. */
export async function productsOfRuns(db: Db, runIds: readonly string[]): Promise<RunProductRow[]> {
  return runIds.length === 0 ? [] : db.select({ runId: runFiles.runId, sha256: blobs.sha256, bytes: blobs.bytes }).from(runFiles).innerJoin(blobs, eq(blobs.sha256, runFiles.sha256))
    .where(and(inArray(runFiles.runId, [...runIds]), eq(runFiles.role, "product")));
}

export interface RunState { readonly id: string; readonly status: RunStatus }

export async function statesOfRuns(db: Db, ids: readonly string[]): Promise<RunState[]> {
  return ids.length === 0 ? [] : db.select({ id: runs.id, status: runs.status }).from(runs).where(inArray(runs.id, [...ids]));
}

export async function statesOfNewestRuns(db: Db, limit: number): Promise<RunState[]> {
  return db.select({ id: runs.id, status: runs.status }).from(runs).orderBy(desc(runs.createdAt), desc(runs.id)).limit(limit);
}

export async function countByStatus(db: Db): Promise<ReadonlyMap<RunStatus, number>> {
  const rows = await db.select({ status: runs.status, count: sql<number>`count(*)::int` }).from(runs).groupBy(runs.status);
  return new Map(rows.map((row) => [row.status, row.count]));
}

/** The newest succeeded audit of exactly these models; failing that, the newest that has them all among others. */
export async function newestAuditOf(db: Db, modelIds: readonly string[]): Promise<RunRow | undefined> {
  const wanted = sql`count(*) filter (where ${inArray(runModels.modelId, [...modelIds])})`;
  const audits = db.select({ runId: runModels.runId, size: sql<number>`count(*)`.as("size") }).from(runModels)
    .where(eq(runModels.role, "subject")).groupBy(runModels.runId).having(sql`${wanted} = ${modelIds.length}`).as("audits");
  const [row] = await db.select({ run: runs }).from(runs).innerJoin(audits, eq(audits.runId, runs.id))
    .where(and(eq(runs.kind, "audit"), eq(runs.status, "succeeded")))
    .orderBy(sql`${audits.size} <> ${modelIds.length}`, desc(runs.createdAt), desc(runs.id)).limit(1);
  return row?.run;
}
