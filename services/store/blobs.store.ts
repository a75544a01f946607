import { and, eq, inArray, isNotNull, isNull, lt, min, notExists, or, type SQL, sql } from "drizzle-orm";

import type { BlobRef } from "../../schema/jobs/results.ts";
import { artifacts, blobs, checkpoints, datasetFiles, models, runFiles, runs } from "../../schema/tables/tables.ts";
import { blobsOlderThan, isOlderThan, removeBlob, requireBlob } from "../common/blob-files.ts";
import type { Clock } from "../common/clock.ts";
import { AppError } from "../common/errors.ts";
import { logger } from "../common/log.ts";
import type { Db } from "./database.ts";
import { missingBlobs } from "./queries/blobs.query.ts";
import { inChunks } from "./rows.ts";

/** How long an upload stays that nothing refers to, since it was brought last. */
export const UPLOAD_KEPT_HOURS = 24;

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
    const removed = await tx.delete(blobs).where(and(inArray(blobs.sha256, [...hashes]), unused(tx))).returning({ sha256: blobs.sha256 });
    for (const { sha256 } of removed) await removeBlob(folder, sha256);
  });
}

/** That no row refers to a blob, and that no client has just brought it. */
function unused(tx: Db): SQL | undefined {
  const references = [
    [models, models.weightsSha256], [models, models.definitionSha256], [checkpoints, checkpoints.sha256], [artifacts, artifacts.sha256],
    [runFiles, runFiles.sha256], [datasetFiles, datasetFiles.sha256],
  ] as const;
  return and(
    or(isNull(blobs.uploadedAt), lt(blobs.uploadedAt, sql`now() - make_interval(hours => ${UPLOAD_KEPT_HOURS})`)),
    ...references.map(([table, column]) => notExists(tx.select({ one: sql`1` }).from(table).where(eq(column, blobs.sha256)))),
  );
}

/**
 * Registers a file that a client has brought; `publish` puts it into the folder while the row's lock keeps `removeUnused`
 * out. For one that is there already without `publish`: the time that it is kept begins anew.
 */
export async function registerUpload(db: Db, { sha256, bytes, contentType }: BlobRef, publish?: () => Promise<void>): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(blobs).values({ sha256, bytes, contentType, uploadedAt: sql`now()` })
      .onConflictDoUpdate({ target: blobs.sha256, set: { bytes, uploadedAt: sql`now()` } });
    await publish?.();
  });
}

/** Drops the uploads whose time is over and that nothing refers to. */
export async function sweepUploads(db: Db, folder: string): Promise<void> {
  const rows = await db.select({ sha256: blobs.sha256 }).from(blobs).where(and(isNotNull(blobs.uploadedAt), unused(db)));
  await removeUnused(db, folder, rows.map(({ sha256 }) => sha256));
}

/**
 * Drops the files that no row knows: what a runner wrote for a run that then failed. Young ones may be about to be registered,
 * and so may all that were written since the oldest run at work began. Only for the database that the folder belongs to:
 * to any other one every file is unknown.
 */
export async function sweepOrphans(db: Db, folder: string, ageMs: number, clock: Clock): Promise<void> {
  const [oldest] = await db.select({ startedAt: min(runs.startedAt) }).from(runs).where(eq(runs.status, "running"));
  const before = Math.min(clock.now() - ageMs, oldest?.startedAt?.getTime() ?? Infinity);
  const old: string[] = [];
  for await (const sha256 of blobsOlderThan(folder, before)) old.push(sha256);
  for (const sha256 of await missingBlobs(db, old)) await db.transaction((tx) => removeOrphan(tx, folder, sha256, before));
}

/** Under the lock of a row of its own: whoever registers the same file meanwhile waits, and then sees that it has gone. */
async function removeOrphan(tx: Db, folder: string, sha256: string, before: number): Promise<void> {
  const mine = await tx.insert(blobs).values({ sha256, bytes: 0, contentType: "" }).onConflictDoNothing().returning({ sha256: blobs.sha256 });
  if (mine.length === 0) return;
  if (await isOlderThan(folder, sha256, before)) await removeBlob(folder, sha256);
  await tx.delete(blobs).where(eq(blobs.sha256, sha256));
}

/** Locks blobs that a transaction is about to refer to. @throws AppError NOT_FOUND with the hash. */
export async function requireBlobs(tx: Db, hashes: readonly string[]): Promise<void> {
  await inChunks(hashes, async (chunk) => {
    const found = new Set((await tx.select({ sha256: blobs.sha256 }).from(blobs).where(inArray(blobs.sha256, chunk)).orderBy(blobs.sha256).for("share")).map(({ sha256 }) => sha256));
    const missing = chunk.find((sha256) => !found.has(sha256));
    if (missing !== undefined) throw new AppError("NOT_FOUND", `blob: none with sha256 ${missing}; upload it with PUT /blobs/${missing}`, { sha256: missing });
  });
}

/** undefined when no row refers to such a blob. */
export async function findBlob(db: Db, sha256: string): Promise<typeof blobs.$inferSelect | undefined> {
  const [blob] = await db.select().from(blobs).where(eq(blobs.sha256, sha256));
  return blob;
}
