/** Files of a run that are not results: uploads that it will read, and what it made for download. */
import { and, eq, inArray } from "drizzle-orm";

import type { BlobRef } from "../../schema/jobs/results.ts";
import { runFiles, runModels } from "../../schema/tables/tables.ts";
import { registerBlobs, requireBlobs } from "./blobs.store.ts";
import type { Db } from "./database.ts";
import { inChunks } from "./rows.ts";

/** Keeps the uploads until the run has ended. @throws AppError NOT_FOUND with the hash. */
export async function addInputs(tx: Db, runId: string, hashes: readonly string[]): Promise<void> {
  const distinct = [...new Set(hashes)].sort();
  await requireBlobs(tx, distinct);
  await inChunks(distinct, (chunk) => tx.insert(runFiles).values(chunk.map((sha256) => ({ runId, sha256, role: "input" as const }))));
}

/** The uploads themselves stay until their time is over (`sweepUploads`): a failed import can be tried again. */
export async function dropInputs(tx: Db, runId: string): Promise<void> {
  await tx.delete(runFiles).where(and(eq(runFiles.runId, runId), eq(runFiles.role, "input")));
}

/** @throws AppError BLOB_CORRUPT when the file is not there. */
export async function addProduct(tx: Db, folder: string, runId: string, blob: BlobRef): Promise<void> {
  await registerBlobs(tx, folder, [blob], runId);
  await tx.insert(runFiles).values({ runId, sha256: blob.sha256, role: "product" });
}

/** What was exported from a model goes with it. Returns hashes to give to `removeUnused` after the commit. */
export async function dropProductsOf(tx: Db, modelId: string): Promise<string[]> {
  const exports = tx.select({ runId: runModels.runId }).from(runModels).where(and(eq(runModels.modelId, modelId), eq(runModels.role, "subject")));
  const dropped = await tx.delete(runFiles).where(and(eq(runFiles.role, "product"), inArray(runFiles.runId, exports))).returning({ sha256: runFiles.sha256 });
  return dropped.map(({ sha256 }) => sha256);
}
