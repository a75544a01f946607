import { and, desc, eq, ilike, inArray, isNull } from "drizzle-orm";

import { models } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";
import { type CreatedKey, olderThan } from "./keyset.ts";

export type ModelRow = typeof models.$inferSelect;

export interface ModelListFilter { readonly dataset?: string | undefined; readonly architecture?: string | undefined; readonly nameContains?: string | undefined; readonly includeDeleted?: boolean }

/** Newest first. */
export async function listModels(db: Db, filter: ModelListFilter, limit: number, after?: CreatedKey): Promise<ModelRow[]> {
  return db.select().from(models).where(and(
    filter.dataset === undefined ? undefined : eq(models.dataset, filter.dataset),
    filter.architecture === undefined ? undefined : eq(models.architecture, filter.architecture),
    filter.nameContains === undefined ? undefined : ilike(models.name, `%${filter.nameContains.replace(/[\\%_]/g, "\\$&")}%`),
    filter.includeDeleted ? undefined : isNull(models.deletedAt),
    olderThan(models, after),
  )).orderBy(desc(models.createdAt), desc(models.id)).limit(limit);
}

export async function modelsByIds(db: Db, ids: readonly string[]): Promise<ModelRow[]> {
  return ids.length === 0 ? [] : db.select().from(models).where(inArray(models.id, [...ids]));
}
