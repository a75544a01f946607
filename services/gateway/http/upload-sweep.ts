import { removeUnfinished } from "../../common/blob-files.ts";
import { systemClock } from "../../common/clock.ts";
import { logger } from "../../common/log.ts";
import { sweepUploadFiles } from "../../common/upload-files.ts";
import { sweepOrphans, sweepUploads, UPLOAD_KEPT_HOURS } from "../../store/blobs.store.ts";
import type { Db } from "../../store/database.ts";

const HOUR_MS = 3_600_000;

/**
 * At once and every hour: drops interrupted uploads, uploads that nobody used, and files that no row knows.
 *
 * @param owned whether the folder belongs to this database and no other can have files in it; else those that no row knows stay.
 * @returns what ends it.
 */
export function keepUploadsSwept(db: Db, folder: string, owned: boolean): () => Promise<void> {
  const ageMs = UPLOAD_KEPT_HOURS * HOUR_MS;
  const sweep = async (): Promise<void> => {
    await sweepUploadFiles(folder, ageMs, systemClock);
    await removeUnfinished(folder, systemClock.now() - ageMs);
    await sweepUploads(db, folder);
    if (owned) await sweepOrphans(db, folder, ageMs, systemClock);
  };
  const guarded = (): Promise<void> => sweep().catch((error: unknown) => logger("gateway").warn({ err: error }, "could not tidy up uploads; will try again"));
  let running = guarded();
  const timer = setInterval(() => { running = running.then(guarded); }, HOUR_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
