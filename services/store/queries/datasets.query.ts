import { asc, inArray } from "drizzle-orm";

import { datasets } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";

export type DatasetRow = typeof datasets.$inferSelect;

export async function listDatasets(db: Db): Promise<DatasetRow[]> {
  return db.select().from(datasets).orderBy(asc(datasets.name));
}

export async function datasetsByNames(db: Db, names: readonly string[]): Promise<DatasetRow[]> {
  return names.length === 0 ? [] : db.select().from(datasets).where(inArray(datasets.name, [...names]));
}
