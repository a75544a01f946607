import { and, eq, inArray, notExists, sql } from "drizzle-orm";

import type { BlobRef } from "../../schema/jobs/results.ts";
import { artifacts, blobs, checkpoints, models } from "../../schema/tables/tables.ts";
import { removeBlob, requireBlob } from "../common/blob-files.ts";
import { logger } from "../common/log.ts";
import type { Db } from "./database.ts";

/**
 * Registers files that rows are about to refer to. The row lock that this takes, whether or not the row was there, keeps
 * `removeUnused` out until the transaction ends; only then is it certain that a file which is there stays there.
 *
 * @throws AppError BLOB_CORRUPT when a file is missing or has another size.
 */
export async function registerBlobs(tx: Db, folder: string, refs: readonly BlobRef[], runId: string | null): Promise<void> {
  const distinct = [...new Map(refs.map((blob) => [blob.sha256, blob])).values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1)); // one order, no deadlock
  for (let i = 0; i < distinct.length; i += 500) {
    await tx.insert(blobs).values(distinct.slice(i, i + 500).map((blob) => ({ ...blob, runId })))
      .onConflictDoUpdate({ target: blobs.sha256, set: { bytes: sql`excluded.bytes` } });
  }
  for (const blob of distinct) await requireBlob(folder, blob);
}

/**
 * Forgets those blobs that nothing refers to and deletes their files. Call it after the transaction that dropped the
 * references. Never throws: what it tidies up after is committed, and a blob too many harms nobody; it is logged.
 */
export async function removeUnused(db: Db, folder: string, hashes: readonly string[]): Promise<void> {
  for (let i = 0; i < hashes.length; i += 500) {
    await removeSome(db, folder, hashes.slice(i, i + 500)).catch((error: unknown) => logger("store").warn({ err: error }, "could not remove unused blobs"));
  }
}

async function removeSome(db: Db, folder: string, hashes: readonly string[]): Promise<void> {
  await db.transaction(async (tx) => {
    const one = { one: sql`1` };
    const unused = await tx.delete(blobs).where(and(
      inArray(blobs.sha256, [...hashes]),
      notExists(tx.select(one).from(models).where(eq(models.weightsSha256, blobs.sha256))),
      notExists(tx.select(one).from(checkpoints).where(eq(checkpoints.sha256, blobs.sha256))),
      notExists(tx.select(one).from(artifacts).where(eq(artifacts.sha256, blobs.sha256))),
    )).returning({ sha256: blobs.sha256 });
    for (const { sha256 } of unused) await removeBlob(folder, sha256);
  });
}

/** undefined when no row refers to such a blob. */
export async function findBlob(db: Db, sha256: string): Promise<typeof blobs.$inferSelect | undefined> {
  const [blob] = await db.select().from(blobs).where(eq(blobs.sha256, sha256));
  return blob;
}
