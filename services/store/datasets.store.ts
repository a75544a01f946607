import { eq, sql } from "drizzle-orm";

import type { DatasetInfo } from "../../schema/jobs/dataset.ts";
import { datasets } from "../../schema/tables/tables.ts";
import type { Db } from "./database.ts";

/**
 * What an agent found on its machine. The only agent's word is the truth; among several, that one lacks a data set does
 * not take it from those that have it.
 */
export async function saveDatasets(db: Db, found: readonly DatasetInfo[], onlyAgent: boolean): Promise<void> {
  for (const { mean, std, ...info } of found) {
    const row = { ...info, normalisation: { mean, std }, updatedAt: sql`now()` };
    await db.insert(datasets).values(row).onConflictDoUpdate({
      target: datasets.name, set: row,
      ...(!onlyAgent && !info.available && { setWhere: eq(datasets.available, false) }),
    });
  }
}
