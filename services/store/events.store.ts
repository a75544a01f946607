import { and, asc, eq, gt, sql } from "drizzle-orm";

import type { RunEvent } from "../../schema/jobs/run-event.ts";
import { runEvents, runs } from "../../schema/tables/tables.ts";
import { AppError } from "../common/errors.ts";
import type { Db } from "./database.ts";
import { notify } from "./notify.ts";

export type RunEventRow = typeof runEvents.$inferSelect;

/**
 * Appends to the run's history. Raising `last_seq` locks the run's row until the transaction ends, so the numbers have no
 * gap and a lower one never commits after a higher one: a reader that has seen n has seen all up to n.
 *
 * @returns the last number given.
 * @throws AppError NOT_FOUND.
 */
export async function appendEvents(tx: Db, runId: string, attempt: number, events: readonly RunEvent[]): Promise<number> {
  const [run] = await tx.update(runs).set({ lastSeq: sql`${runs.lastSeq} + ${events.length}` }).where(eq(runs.id, runId)).returning({ lastSeq: runs.lastSeq });
  if (!run) throw new AppError("NOT_FOUND", `run: none with id ${runId}`, { runId });
  if (events.length === 0) return run.lastSeq;
  const first = run.lastSeq - events.length + 1;
  await tx.insert(runEvents).values(events.map(({ type, payload }, i) => ({ runId, seq: first + i, attempt, type, payload })));
  await notify(tx, "run_events", `${runId}:${run.lastSeq}`);
  return run.lastSeq;
}

/** Events with seq > `after`, in order, at most `limit`. */
export async function readEvents(db: Db, runId: string, after: number, limit: number): Promise<RunEventRow[]> {
  return db.select().from(runEvents).where(and(eq(runEvents.runId, runId), gt(runEvents.seq, after))).orderBy(asc(runEvents.seq)).limit(limit);
}
