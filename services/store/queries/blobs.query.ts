import { inArray } from "drizzle-orm";

import { blobs } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";
import { inChunks } from "../rows.ts";

export type BlobRow = typeof blobs.$inferSelect;

/** Those of the hashes that no blob has. */
export async function missingBlobs(db: Db, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const missing = new Set(hashes);
  await inChunks([...missing], async (chunk) => {
    for (const { sha256 } of await db.select({ sha256: blobs.sha256 }).from(blobs).where(inArray(blobs.sha256, chunk))) missing.delete(sha256);
  });
  return missing;
}

export async function blobsByHashes(db: Db, hashes: readonly string[]): Promise<BlobRow[]> {
  return hashes.length === 0 ? [] : db.select().from(blobs).where(inArray(blobs.sha256, [...hashes]));
}
