import type { RunConfig } from "../../../schema/jobs/run-config.ts";
import { filesOf, uploadsOf } from "../../../schema/jobs/run-files.ts";
import { AppError } from "../../common/errors.ts";
import { resolveImportPath } from "../../common/import-paths.ts";
import type { Db } from "../../store/database.ts";
import { missingBlobs } from "../../store/queries/blobs.query.ts";
import type { Draft } from "./config-from-input.ts";

/**
 * That uploads which a run names are there, and local paths allowed. Nothing is read: that is the runner's.
 *
 * @throws AppError NOT_FOUND, INVALID_INPUT; `details.field` is the place in the input.
 */
export async function checkFiles(config: RunConfig, { fieldOf }: Draft, db: Db, importRoots: readonly string[]): Promise<void> {
  const missing = await missingBlobs(db, uploadsOf(config));
  for (const { at, sha256, path } of filesOf(config)) {
    const field = fieldOf(at);
    if (sha256 !== undefined && missing.has(sha256)) throw new AppError("NOT_FOUND", `${field}: no blob ${sha256} was uploaded; send it with PUT /blobs/${sha256} first`, { field });
    if (path !== undefined) await resolveImportPath(path, importRoots, field);
  }
}
