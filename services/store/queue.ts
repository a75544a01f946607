/**
 * The queue (pg-boss) holds only the names of runs; the rows in `runs` are the truth. A job that is lost is sent again, one
 * that is delivered twice finds its run claimed or finished.
 */
import { and, eq, inArray, notExists, or, sql } from "drizzle-orm";
import { pgSchema, text } from "drizzle-orm/pg-core";
import { type ConstructorOptions, type DrizzleTransactionLike, type Db as QueueDb, PgBoss, fromDrizzle } from "pg-boss";

import { CONFIG_VERSION, RUN_QUEUE, type RunJob } from "../../schema/jobs/run-config.ts";
import { runs } from "../../schema/tables/tables.ts";
import { logger } from "../common/log.ts";
import type { Db, Store } from "./database.ts";

const DAY_SECONDS = 24 * 3600;

const QUEUE = {
  /** One waiting or active job per singletonKey, so that sending a run again does nothing while its job lives. */
  policy: "exclusive",
  notify: true,
  /** A claim that is not refreshed for so long is given to another agent; agents refresh every 3 s. */
  heartbeatSeconds: 15,
  /** pg-boss's maximum. A run that takes longer keeps its claim by `agents.seen_at` (see claimRun). */
  expireInSeconds: DAY_SECONDS,
  /** How often a run is tried is counted in its row; the queue must not give up before. */
  retryLimit: 10_000, retryDelay: 2,
  retentionSeconds: 3650 * DAY_SECONDS,
  deleteAfterSeconds: 3600,
};
export const HEARTBEAT_REFRESH_SECONDS = 3;

export async function startQueue(options: ConstructorOptions): Promise<PgBoss> {
  const boss = new PgBoss({ ...options, useListenNotify: true, schedule: false });
  boss.on("error", (error) => logger("queue").warn({ err: error }, "queue error"));
  boss.on("warning", (warning) => logger("queue").warn({ warning }, "queue warning"));
  await boss.start();
  await boss.createQueue(RUN_QUEUE, QUEUE);
  const { policy: _fixed, ...changeable } = QUEUE;
  await boss.updateQueue(RUN_QUEUE, changeable);
  // Fills pg-boss's cache: it must not have to ask, outside, while a transaction holds PGlite's only connection.
  await boss.findJobs(RUN_QUEUE, { limit: 1 });
  return boss;
}

/** Puts the run into the queue, if it is not there, when the transaction commits. */
export async function sendRun(tx: Db, boss: PgBoss, runId: string, startAfterSeconds?: number): Promise<void> {
  await boss.send(RUN_QUEUE, { version: CONFIG_VERSION, runId } satisfies RunJob, {
    singletonKey: runId, db: inside(tx), ...(startAfterSeconds && { startAfter: startAfterSeconds }),
  });
}

/** Exchanges the run's job, which the caller holds, for one that is delivered later. */
export async function sendRunLater({ db, boss }: Store, runId: string, seconds: number): Promise<void> {
  await db.transaction(async (tx) => {
    await dropJob(tx, boss, runId);
    await sendRun(tx, boss, runId, seconds);
  });
}

/** Removes the run's job, whatever its state, even if some agent holds it. */
export async function dropJob(tx: Db, boss: PgBoss, runId: string): Promise<void> {
  const db = inside(tx);
  const jobs = await boss.findJobs(RUN_QUEUE, { key: runId, db });
  if (jobs.length > 0) await boss.deleteJob(RUN_QUEUE, jobs.map((job) => job.id), { db });
}

/** Makes pg-boss work in the transaction. Both drivers answer `execute` with rows; Drizzle's common type does not say so. */
function inside(tx: Db): QueueDb { return fromDrizzle(tx as unknown as DrizzleTransactionLike, sql); }

/** The columns of pg-boss's job table that are read here; its version is pinned. */
const jobs = pgSchema("pgboss").table("job", { name: text("name"), singletonKey: text("singleton_key"), state: text("state") });

/** Ids of unfinished runs that no waiting or active job will ever bring back. */
export async function runsWithoutJob({ db }: Store): Promise<string[]> {
  const live = db.select({ one: sql`1` }).from(jobs)
    .where(and(eq(jobs.name, RUN_QUEUE), eq(jobs.singletonKey, sql`${runs.id}::text`), sql`${jobs.state}::text in ('created', 'retry', 'active')`));
  const rows = await db.select({ id: runs.id }).from(runs).where(and(or(inArray(runs.status, ["queued", "running"])), notExists(live)));
  return rows.map((row) => row.id);
}
