import { inArray } from "drizzle-orm";

import { blobs } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";

export type BlobRow = typeof blobs.$inferSelect;

export async function blobsByHashes(db: Db, hashes: readonly string[]): Promise<BlobRow[]> {
  return hashes.length === 0 ? [] : db.select().from(blobs).where(inArray(blobs.sha256, [...hashes]));
}
