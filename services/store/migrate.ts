import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { bigint, pgSchema, serial, text } from "drizzle-orm/pg-core";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { z } from "zod";

import { AppError } from "../common/errors.ts";
import { migrationsFolder } from "../common/paths.ts";
import type { Db } from "./database.ts";

const journalSchema = z.object({ entries: z.array(z.object({ tag: z.string(), when: z.number() })) });
export type JournalEntry = z.output<typeof journalSchema>["entries"][number];

/** Drizzle's own record of what it has applied. */
const applied = pgSchema("drizzle").table("__drizzle_migrations", {
  id: serial("id").primaryKey(), hash: text("hash").notNull(), createdAt: bigint("created_at", { mode: "number" }),
});

export function readJournal(folder: string = migrationsFolder()): readonly JournalEntry[] {
  return journalSchema.parse(JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8"))).entries;
}

/**
 * Applies what is missing, by `run`, Drizzle's migrator of the driver. Drizzle skips a migration whose `when` lies before
 * the last applied one without a word (drizzle-orm#5769), so afterwards hash is compared with hash.
 *
 * @throws AppError CONFIG_INVALID when the database holds migrations that this build does not have.
 */
export async function migrateWith(db: Db, run: (config: { migrationsFolder: string }) => Promise<void>): Promise<void> {
  const folder = migrationsFolder();
  const wanted = readMigrationFiles({ migrationsFolder: folder }).map((m) => m.hash);
  await refuseNewer(db, wanted);
  await run({ migrationsFolder: folder });
  const found = await appliedHashes(db);
  if (found.length !== wanted.length || found.some((hash, i) => hash !== wanted[i])) {
    throw new AppError("INVARIANT", `migrations: expected the ${wanted.length} of ${folder} in order, found ${found.length} applied; the journal's "when" must rise and no merged migration may change`);
  }
}

async function refuseNewer(db: Db, wanted: readonly string[]): Promise<void> {
  const [row] = await db.select({ exists: sql<boolean>`to_regclass('drizzle.__drizzle_migrations') is not null` }).from(sql`(select 1) as one`);
  const unknown = row?.exists ? (await appliedHashes(db)).filter((hash) => !wanted.includes(hash)) : [];
  if (unknown.length > 0) throw new AppError("CONFIG_INVALID", `database: expected only migrations of this build, found ${unknown.length} unknown; it was written by another version of Lorenz: run that one, or use another database`);
}

async function appliedHashes(db: Db): Promise<string[]> {
  return (await db.select({ hash: applied.hash }).from(applied).orderBy(applied.id)).map((row) => row.hash);
}
