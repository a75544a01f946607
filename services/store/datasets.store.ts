import { and, eq, inArray, sql } from "drizzle-orm";

import type { DatasetInfo, DatasetReport } from "../../schema/jobs/dataset.ts";
import type { RegisterDatasetConfig } from "../../schema/jobs/run-config.ts";
import { uploadsOf } from "../../schema/jobs/run-files.ts";
import type { DatasetRef } from "../../schema/jobs/runner-message.ts";
import { datasetFiles, datasets } from "../../schema/tables/tables.ts";
import { requireBlobs } from "./blobs.store.ts";
import type { Db } from "./database.ts";
import { inChunks } from "./rows.ts";

/**
 * What an agent found on its machine. The only agent's word is the truth; among several, that one lacks a data set does
 * not take it from those that have it. A registered data set is never replaced.
 */
export async function saveDatasets(db: Db, found: readonly DatasetInfo[], onlyAgent: boolean): Promise<void> {
  const builtIn = eq(datasets.origin, "built-in");
  for (const { mean, std, perClass = null, ...info } of found) {
    const row = { ...info, perClass, normalisation: { mean, std }, updatedAt: sql`now()` };
    await db.insert(datasets).values(row).onConflictDoUpdate({
      target: datasets.name, set: row,
      setWhere: onlyAgent || info.available ? builtIn : and(builtIn, eq(datasets.available, false))!,
    });
  }
}

/** Adds a registered data set and keeps the uploads that it is read from. @returns false, with nothing stored, when the name is taken. */
export async function insertDataset(tx: Db, runId: string, config: RegisterDatasetConfig, report: DatasetReport): Promise<boolean> {
  const { inputShape, classes, contentHash, mean, std, warnings, train, test } = report;
  const [row] = await tx.insert(datasets).values({
    name: config.name, origin: "registered", title: config.title ?? config.name, available: true, contentHash, trainCount: train.count, testCount: test.count,
    perClass: { train: train.perClass, test: test.perClass }, inputShape, classes, normalisation: { mean, std }, warnings,
    licence: config.licence ?? "not stated", source: config.source ?? "not stated", readFrom: config.from, report, runId,
  }).onConflictDoNothing().returning({ name: datasets.name });
  if (!row) return false;
  const files = [...new Set(uploadsOf(config))];
  await requireBlobs(tx, files);
  await inChunks(files, (chunk) => tx.insert(datasetFiles).values(chunk.map((sha256) => ({ dataset: config.name, sha256 }))));
  return true;
}

/** The registered ones among these, as the runner gets them. */
export async function registeredDatasets(db: Db, names: readonly string[]): Promise<DatasetRef[]> {
  if (names.length === 0) return [];
  const rows = await db.select().from(datasets).where(and(inArray(datasets.name, [...names]), eq(datasets.origin, "registered")));
  return rows.map(({ name, title, licence, source, readFrom, report }) => ({ name, title, licence, source, from: readFrom!, report: report! }));
}
