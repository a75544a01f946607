import { desc, eq } from "drizzle-orm";

import type { BlobRef } from "../../schema/jobs/results.ts";
import { blobs, checkpoints } from "../../schema/tables/tables.ts";
import type { Db } from "./database.ts";
import { registerBlobs } from "./blobs.store.ts";

export interface Checkpoint { readonly epoch: number; readonly blob: BlobRef }

/** Keeps this checkpoint instead of the earlier ones. Returns hashes to give to `removeUnused` after the commit. */
export async function saveCheckpoint(tx: Db, folder: string, runId: string, { epoch, blob }: Checkpoint): Promise<string[]> {
  const old = await dropCheckpoints(tx, runId);
  await registerBlobs(tx, folder, [blob], runId);
  await tx.insert(checkpoints).values({ runId, epoch, sha256: blob.sha256 });
  return old.filter((sha256) => sha256 !== blob.sha256);
}

/** Returns hashes to give to `removeUnused` after the commit. */
export async function dropCheckpoints(tx: Db, runId: string): Promise<string[]> {
  return (await tx.delete(checkpoints).where(eq(checkpoints.runId, runId)).returning({ sha256: checkpoints.sha256 })).map((row) => row.sha256);
}

/** Where the run can be continued; undefined: from the start. */
export async function lastCheckpoint(db: Db, runId: string): Promise<Checkpoint | undefined> {
  const [row] = await db.select({ epoch: checkpoints.epoch, sha256: blobs.sha256, bytes: blobs.bytes, contentType: blobs.contentType })
    .from(checkpoints).innerJoin(blobs, eq(blobs.sha256, checkpoints.sha256)).where(eq(checkpoints.runId, runId)).orderBy(desc(checkpoints.epoch)).limit(1);
  return row && { epoch: row.epoch, blob: { sha256: row.sha256, bytes: row.bytes, contentType: row.contentType } };
}
