import { and, asc, eq, getTableColumns, gt, inArray, type SQL } from "drizzle-orm";

import type { Artifact } from "../../../schema/jobs/results.ts";
import { accuracies, artifacts, attackSummaries, imageResults, inequalitySummaries, metrics, predictions, runModels } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";
import { afterNumber, byNumber, type Direction, type NumberKey } from "./keyset.ts";

export type MetricRow = typeof metrics.$inferSelect;
export type ImageResultRow = typeof imageResults.$inferSelect;
export type ArtifactRow = typeof artifacts.$inferSelect;
export type InequalityRow = typeof inequalitySummaries.$inferSelect;
export type AttackRow = typeof attackSummaries.$inferSelect;
export type AccuracyRow = typeof accuracies.$inferSelect;
export type PredictionRow = typeof predictions.$inferSelect;

/** By series, then step. */
export async function metricsOf(db: Db, runId: string, series?: readonly string[]): Promise<MetricRow[]> {
  if (series?.length === 0) return [];
  return db.select().from(metrics).where(and(eq(metrics.runId, runId), series && inArray(metrics.series, [...series]))).orderBy(asc(metrics.series), asc(metrics.step));
}

export interface ImageResultFilter { readonly measure?: string | undefined; readonly modelId?: string | undefined }
export interface ImageResultOrder { readonly by: "image" | "value"; readonly direction: Direction }

export async function listImageResults(db: Db, runId: string, filter: ImageResultFilter, order: ImageResultOrder, limit: number, after?: NumberKey): Promise<ImageResultRow[]> {
  const column = order.by === "image" ? imageResults.image : imageResults.value;
  return db.select().from(imageResults).where(and(
    eq(imageResults.runId, runId),
    filter.measure === undefined ? undefined : eq(imageResults.measure, filter.measure),
    filter.modelId === undefined ? undefined : eq(imageResults.modelId, filter.modelId),
    afterNumber(column, imageResults.id, order.direction, after),
  )).orderBy(...byNumber(column, imageResults.id, order.direction)).limit(limit);
}

export interface ArtifactFilter { readonly kind?: Artifact["kind"] | undefined; readonly measure?: string | undefined; readonly modelId?: string | undefined }

/** In the order in which they were stored. */
export async function listArtifacts(db: Db, runId: string, filter: ArtifactFilter, limit: number, after?: number): Promise<ArtifactRow[]> {
  return db.select().from(artifacts).where(and(
    eq(artifacts.runId, runId),
    filter.kind === undefined ? undefined : eq(artifacts.kind, filter.kind),
    filter.measure === undefined ? undefined : eq(artifacts.measure, filter.measure),
    filter.modelId === undefined ? undefined : eq(artifacts.modelId, filter.modelId),
    after === undefined ? undefined : gt(artifacts.id, after),
  )).orderBy(asc(artifacts.id)).limit(limit);
}

/** Models in the order in which the run names them. */
export async function inequalityOfRuns(db: Db, runIds: readonly string[]): Promise<InequalityRow[]> {
  return runIds.length === 0 ? [] : db.select(getTableColumns(inequalitySummaries)).from(inequalitySummaries).leftJoin(runModels, subjectOf(inequalitySummaries))
    .where(inArray(inequalitySummaries.runId, [...runIds])).orderBy(asc(runModels.position), asc(inequalitySummaries.measure));
}

/** In the order in which the lab reported them. */
export async function attacksOfRuns(db: Db, runIds: readonly string[]): Promise<AttackRow[]> {
  return runIds.length === 0 ? [] : db.select().from(attackSummaries).where(inArray(attackSummaries.runId, [...runIds])).orderBy(asc(attackSummaries.runId), asc(attackSummaries.position));
}

/** Models in the order in which the run names them. */
export async function accuraciesOfRuns(db: Db, runIds: readonly string[]): Promise<AccuracyRow[]> {
  return runIds.length === 0 ? [] : db.select(getTableColumns(accuracies)).from(accuracies).leftJoin(runModels, subjectOf(accuracies))
    .where(inArray(accuracies.runId, [...runIds])).orderBy(asc(runModels.position));
}

export async function predictionsOfRuns(db: Db, runIds: readonly string[]): Promise<PredictionRow[]> {
  return runIds.length === 0 ? [] : db.select().from(predictions).where(inArray(predictions.runId, [...runIds])).orderBy(asc(predictions.image));
}

/** Joins a row of results with the place of its model in the run's config. */
function subjectOf(table: typeof inequalitySummaries | typeof accuracies): SQL | undefined {
  return and(eq(runModels.runId, table.runId), eq(runModels.modelId, table.modelId), eq(runModels.role, "subject"));
}
