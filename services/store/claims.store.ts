/**
 * What agents do to runs. Whoever has the job of a run claims the run, which raises `attempt`; from then on (run, attempt)
 * fences everything written for it: an agent that lost its claim, because it was thought dead, can write nothing more.
 *
 *   queued ──claimRun──▶ running ──finishRun / failRun / cancelClaimed──▶ succeeded / failed / cancelled
 *      ▲                    │
 *      └── failAttempt, interruptRun, recoverRuns ─┘
 */
import { and, desc, eq, ne, sql } from "drizzle-orm";

import type { RunEvent } from "../../schema/jobs/run-event.ts";
import type { BlobRef, Products, Results } from "../../schema/jobs/results.ts";
import { datasetsOf } from "../../schema/jobs/run-config.ts";
import type { DatasetRef, Environment, KernelVariants, MetricPoint, ModelRef } from "../../schema/jobs/runner-message.ts";
import { runEvents, runs } from "../../schema/tables/tables.ts";
import { AppError } from "../common/errors.ts";
import { isAgentAlive } from "./agents.store.ts";
import { removeUnused } from "./blobs.store.ts";
import { type Checkpoint, dropCheckpoints, lastCheckpoint, saveCheckpoint } from "./checkpoints.store.ts";
import type { Db, Store } from "./database.ts";
import { appendEvents } from "./events.store.ts";
import { registeredDatasets } from "./datasets.store.ts";
import { saveMetrics } from "./metrics.store.ts";
import { subjectsOf } from "./models.store.ts";
import { saveProduct } from "./products.store.ts";
import { dropJob, runsWithoutJob, sendRun } from "./queue.ts";
import { clearResults, saveResults } from "./results.store.ts";
import { type Ending, type Run, changeStatus, endRun, lockRun } from "./runs.store.ts";

/** Attempts that may die with their runner before the run fails. */
export const MAX_FAILURES = 3;

export interface Claim { readonly runId: string; readonly attempt: number }

/** The run is no longer ours: it was cancelled, or taken over by an agent that thought us dead. */
export class ClaimLostError extends AppError {
  override readonly name = "ClaimLostError";
  constructor({ runId, attempt }: Claim) { super("CONFLICT", `run ${runId}: attempt ${attempt} is no longer the current one`, { runId, attempt }); }
}

export type ClaimResult =
  | { readonly outcome: "claimed"; readonly run: Run; readonly claim: Claim; readonly models: readonly ModelRef[]; readonly datasets: readonly DatasetRef[]; readonly resume: Checkpoint | undefined }
  /** Nothing to do: it has ended. */
  | { readonly outcome: "ended" }
  /** The agent that has it lives: ask again later. */
  | { readonly outcome: "taken" };

export interface Claimant { readonly agentId: string; readonly environment: Environment | null; readonly blobDir: string }

/**
 * Takes a queued run, or one whose agent has died, for a new attempt. Training goes on from its last checkpoint;
 * anything else starts anew, and what an earlier attempt stored is cleared.
 *
 * @throws AppError NOT_FOUND, MODEL_DELETED.
 */
export async function claimRun({ db }: Store, runId: string, { agentId, environment, blobDir }: Claimant): Promise<ClaimResult> {
  const { result, unused } = await db.transaction(async (tx): Promise<{ result: ClaimResult; unused: string[] }> => {
    const run = await lockRun(tx, runId);
    if (run.status !== "queued" && run.status !== "running") return { result: { outcome: "ended" }, unused: [] };
    if (run.status === "running") {
      if (run.agentId !== agentId && run.agentId !== null && await isAgentAlive(tx, run.agentId)) return { result: { outcome: "taken" }, unused: [] };
      await appendEvents(tx, runId, run.attempt, [attemptFailed(run, AGENT_DIED)]);
      if (run.cancelRequestedAt) return { result: { outcome: "ended" }, unused: await end(tx, run, { status: "cancelled" }) };
    }
    const resume = run.kind === "train" ? await lastCheckpoint(tx, runId) : undefined;
    const unused = run.attempt > 0 && !resume ? await clearResults(tx, runId) : [];
    const claimed = await changeStatus(tx, run, ["queued", "running"], {
      status: "running", attempt: run.attempt + 1, agentId, environment, startedAt: sql`coalesce(${runs.startedAt}, now())`,
    });
    const started = { attempt: claimed.attempt, resumedFrom: resume?.epoch ?? null, reason: run.attempt > 0 ? await lastFailure(tx, runId) : null };
    await appendEvents(tx, runId, claimed.attempt, [{ type: "ATTEMPT_STARTED", payload: started }]);
    const [models, datasets] = [await subjectsOf(tx, runId), await registeredDatasets(tx, datasetsOf(run.config))];
    return { result: { outcome: "claimed", run: claimed, claim: { runId, attempt: claimed.attempt }, models, datasets, resume }, unused };
  });
  await removeUnused(db, blobDir, unused);
  return result;
}

/** Progress, numbers and notes of the moment, in one transaction. @throws ClaimLostError. */
export async function recordProgress({ db }: Store, claim: Claim, { progress, points, notes = [] }: { progress?: NonNullable<Run["progress"]> | undefined; points?: readonly MetricPoint[]; notes?: readonly string[] }): Promise<void> {
  await withClaim(db, claim, async (tx) => {
    const events: RunEvent[] = [];
    if (points?.length) {
      await saveMetrics(tx, claim.runId, points);
      events.push({ type: "METRICS", payload: { points: [...points] } });
    }
    if (progress) {
      await tx.update(runs).set({ progress }).where(eq(runs.id, claim.runId));
      events.push({ type: "PROGRESS", payload: progress });
    }
    events.push(...notes.map((message) => ({ type: "NOTE" as const, payload: { message } })));
    await appendEvents(tx, claim.runId, claim.attempt, events);
  });
}

/** @throws ClaimLostError; AppError BLOB_CORRUPT. */
export async function recordCheckpoint({ db }: Store, claim: Claim, blobDir: string, epoch: number, blob: BlobRef): Promise<void> {
  const unused = await withClaim(db, claim, async (tx) => {
    const dropped = await saveCheckpoint(tx, blobDir, claim.runId, { epoch, blob });
    await appendEvents(tx, claim.runId, claim.attempt, [{ type: "CHECKPOINT", payload: { epoch } }]);
    return dropped;
  });
  await removeUnused(db, blobDir, unused);
}

/** One batch, whole or not at all. @throws ClaimLostError; AppError BLOB_CORRUPT. */
export async function recordResults({ db }: Store, claim: Claim, blobDir: string, results: Results): Promise<void> {
  await withClaim(db, claim, async (tx) => {
    await saveResults(tx, blobDir, claim.runId, results);
    const { images, inequality, attacks, artifacts, accuracies, predictions } = results;
    await appendEvents(tx, claim.runId, claim.attempt, [{
      type: "RESULTS",
      payload: { images: images.length, inequality: inequality.length, attacks: attacks.length, artifacts: artifacts.length, accuracies: accuracies.length, predictions: predictions.length },
    }]);
  });
}

/**
 * Succeeds; what the run made (model, data set, file) is stored in the same transaction. A registration whose name was taken
 * meanwhile fails instead.
 *
 * @throws ClaimLostError; AppError BLOB_CORRUPT when a file is not there.
 */
export async function finishRun({ db }: Store, claim: Claim, blobDir: string, products: Products = {}): Promise<void> {
  const unused = await withClaim(db, claim, async (tx, run) => end(tx, run, await saveProduct(tx, blobDir, run, products)));
  await removeUnused(db, blobDir, unused);
}

/** Fails for good: trying again would not help. @throws ClaimLostError. */
export async function failRun({ db }: Store, claim: Claim, blobDir: string, failure: Failure): Promise<void> {
  await removeUnused(db, blobDir, await withClaim(db, claim, (tx, run) => end(tx, run, { status: "failed", ...failure })));
}

/** @throws ClaimLostError. */
export async function cancelClaimed({ db }: Store, claim: Claim, blobDir: string): Promise<void> {
  await removeUnused(db, blobDir, await withClaim(db, claim, (tx, run) => end(tx, run, { status: "cancelled" })));
}

export interface Failure { readonly code: string; readonly message: string; readonly details: Readonly<Record<string, unknown>> }

/**
 * The attempt died, the run may live: queued again for whoever has its job, unless this was the last one allowed
 * (ATTEMPTS_EXHAUSTED, with the cause in its details) or a cancellation waits.
 *
 * @throws ClaimLostError.
 */
export async function failAttempt({ db }: Store, claim: Claim, blobDir: string, failure: Failure): Promise<"again" | "ended"> {
  const { outcome, unused } = await withClaim(db, claim, async (tx, run) => {
    const failures = run.failures + 1;
    await tx.update(runs).set({ failures }).where(eq(runs.id, run.id));
    await appendEvents(tx, run.id, run.attempt, [attemptFailed(run, failure)]);
    if (run.cancelRequestedAt) return { outcome: "ended" as const, unused: await end(tx, run, { status: "cancelled" }) };
    if (failures >= MAX_FAILURES) return { outcome: "ended" as const, unused: await end(tx, run, exhausted(failures, failure)) };
    await changeStatus(tx, run, ["running"], { status: "queued", progress: null });
    return { outcome: "again" as const, unused: [] };
  });
  await removeUnused(db, blobDir, unused);
  return outcome;
}

/** The agent stops: the run waits, with a fresh job, for the next one. @throws ClaimLostError. */
export async function interruptRun(store: Store, claim: Claim, blobDir: string): Promise<void> {
  await removeUnused(store.db, blobDir, await withClaim(store.db, claim, (tx, run) => putBack(tx, store, run, AGENT_STOPPED)));
}

/**
 * Nothing acknowledged is lost: unfinished runs that no job would bring back are put into the queue. For the only agent,
 * at its start, that is every run that claims to be running, whatever the queue thinks.
 *
 * @returns how many.
 */
export async function recoverRuns(store: Store, agentId: string, blobDir: string, onlyAgent: boolean): Promise<number> {
  const orphans = new Set(await runsWithoutJob(store));
  if (onlyAgent) {
    const rows = await store.db.select({ id: runs.id }).from(runs).where(and(eq(runs.status, "running"), ne(sql`coalesce(${runs.agentId}::text, '')`, agentId)));
    for (const { id } of rows) orphans.add(id);
  }
  let count = 0;
  for (const runId of orphans) if (await recoverRun(store, runId, agentId, blobDir, onlyAgent)) count++;
  return count;
}

async function recoverRun(store: Store, runId: string, agentId: string, blobDir: string, onlyAgent: boolean): Promise<boolean> {
  const { recovered, unused } = await store.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId);
    if (run.status === "queued") {
      await sendRun(tx, store.boss, runId); // nothing happens if it has got a job meanwhile
      return { recovered: true, unused: [] };
    }
    const alive = run.agentId === agentId || (!onlyAgent && run.agentId !== null && await isAgentAlive(tx, run.agentId));
    if (run.status !== "running" || alive) return { recovered: false, unused: [] };
    return { recovered: true, unused: await putBack(tx, store, run, AGENT_DIED) };
  });
  await removeUnused(store.db, blobDir, unused);
  return recovered;
}

/** For runs whose numbers began before the runner had said what it runs on. @throws ClaimLostError. */
export async function recordEnvironment({ db }: Store, claim: Claim, environment: Environment): Promise<void> {
  await withClaim(db, claim, (tx) => tx.update(runs).set({ environment }).where(eq(runs.id, claim.runId)));
}

/** Adds to what an earlier attempt told, if this one went on from there. @throws ClaimLostError. */
export async function recordKernelVariants({ db }: Store, claim: Claim, kernelVariants: KernelVariants): Promise<void> {
  await withClaim(db, claim, async (tx, run) => {
    const all: KernelVariants = { ...run.kernelVariants };
    for (const [product, names] of Object.entries(kernelVariants)) all[product] = [...new Set([...(all[product] ?? []), ...names])];
    await tx.update(runs).set({ kernelVariants: all }).where(eq(runs.id, claim.runId));
  });
}

/** Whether someone has asked to cancel the attempt; also when it is no longer ours. */
export async function isCancelRequested({ db }: Store, { runId, attempt }: Claim): Promise<boolean> {
  const rows = await db.select({ at: runs.cancelRequestedAt }).from(runs).where(and(eq(runs.id, runId), eq(runs.attempt, attempt), eq(runs.status, "running")));
  return rows[0]?.at !== null;
}

const AGENT_STOPPED: Failure = { code: "AGENT_STOPPED", message: "agent stopped", details: {} };
const AGENT_DIED: Failure = { code: "AGENT_DIED", message: "agent died", details: {} };

async function withClaim<T>(db: Db, claim: Claim, body: (tx: Db, run: Run) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    const run = await lockRun(tx, claim.runId);
    if (run.status !== "running" || run.attempt !== claim.attempt) throw new ClaimLostError(claim);
    return body(tx, run);
  });
}

async function end(tx: Db, run: Run, ending: Ending): Promise<string[]> {
  await endRun(tx, run, ending);
  return dropCheckpoints(tx, run.id);
}

async function putBack(tx: Db, store: Store, run: Run, failure: Failure): Promise<string[]> {
  await appendEvents(tx, run.id, run.attempt, [attemptFailed(run, failure)]);
  await dropJob(tx, store.boss, run.id);
  if (run.cancelRequestedAt) return end(tx, run, { status: "cancelled" });
  await changeStatus(tx, run, ["running"], { status: "queued", progress: null });
  await sendRun(tx, store.boss, run.id);
  return [];
}

function attemptFailed(run: Run, { code, message }: Failure): RunEvent {
  return { type: "ATTEMPT_FAILED", payload: { attempt: run.attempt, code, message } };
}

function exhausted(failures: number, cause: Failure): Ending {
  return { status: "failed", code: "ATTEMPTS_EXHAUSTED", message: `expected the run to survive an attempt, but ${failures} died; the last one: ${cause.message}`, details: { cause: { ...cause } } };
}

async function lastFailure(tx: Db, runId: string): Promise<string | null> {
  const [event] = await tx.select({ payload: runEvents.payload }).from(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, "ATTEMPT_FAILED"))).orderBy(desc(runEvents.seq)).limit(1);
  return event ? (event.payload as { message: string }).message : null;
}
