import { newId } from "../../services/common/ids.ts";
import { writeBlob } from "../../services/common/blob-files.ts";
import { finishRun, claimRun } from "../../services/store/claims.store.ts";
import type { Database } from "../../services/store/db.ts";
import { type RunEventRow, readEvents } from "../../services/store/events.store.ts";
import { type Run, createRun, getRun } from "../../services/store/runs.store.ts";
import { requestHash } from "../../services/store/request-hash.ts";
import { type RunConfig, runConfigSchema } from "../../schema/jobs/run-config.ts";
import { type TrainedModel, trainedModelSchema } from "../../schema/jobs/results.ts";

export function trainConfig(name = "a model"): RunConfig {
  return runConfigSchema.parse({ kind: "train", name, dataset: "mnist-digits", architecture: "tiny-cnn" });
}

export function inequalityConfig(model: string): RunConfig {
  return runConfigSchema.parse({ kind: "inequality", model, dataset: "mnist-digits" });
}

export async function makeRun(database: Database, config: RunConfig, seed = "1", idempotencyKey?: string): Promise<Run> {
  return (await createRun(database, { config, seed, requestHash: requestHash(config, seed), idempotencyKey })).run;
}

export async function trainedModel(blobDir: string, content: string): Promise<TrainedModel> {
  return trainedModelSchema.parse({
    weights: await writeBlob(blobDir, Buffer.from(content), "application/x-safetensors"), parameterCount: 3, flops: 6,
    normalisation: { mean: [0.1], std: [0.3] }, inputShape: [1, 28, 28], classCount: 10, finalMetrics: { accuracy: 0.5 },
  });
}

/** A model in the database, by a training run that succeeded without an agent. */
export async function makeModel(database: Database, blobDir: string, content = `weights ${newId()}`): Promise<{ modelId: string; run: Run; sha256: string }> {
  const run = await makeRun(database, trainConfig());
  const claimed = await claimRun(database, run.id, { agentId: newId(), environment: null, blobDir });
  if (claimed.outcome !== "claimed") throw new Error(`the run was ${claimed.outcome}`);
  const trained = await trainedModel(blobDir, content);
  await finishRun(database, claimed.claim, blobDir, { model: trained });
  const last = (await readEvents(database.db, run.id, 0, 100)).at(-1)!;
  return { modelId: (last.payload as { modelId: string }).modelId, run: await getRun(database.db, run.id), sha256: trained.weights.sha256 };
}

/** Waits, by notification, until the run's events satisfy `enough`; fails with what there was after `deadlineMs`. */
export async function eventsUntil(database: Database, runId: string, enough: (events: readonly RunEventRow[]) => boolean, deadlineMs = 60_000): Promise<RunEventRow[]> {
  return new Promise((resolve, reject) => {
    let stop: (() => Promise<void>) | undefined;
    let last: RunEventRow[] = [];
    let done = false;
    const end = (settle: () => void) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      settle();
      void stop?.();
    };
    const look = async () => {
      last = await readEvents(database.db, runId, 0, 10_000);
      if (enough(last)) end(() => resolve(last));
    };
    const failed = (error: unknown) => end(() => reject(error as Error));
    const timer = setTimeout(() => failed(new Error(`waited ${deadlineMs} ms; events so far: ${JSON.stringify(last.map((e) => [e.seq, e.type, e.payload]))}`)), deadlineMs);
    database.listen("run_events", (payload) => { if (!done && (payload === null || payload.startsWith(runId))) look().catch(failed); })
      .then(async (unlisten) => { stop = unlisten; await look(); }).catch(failed);
  });
}

/** All events of a run, once it has ended. */
export async function ended(database: Database, runId: string): Promise<RunEventRow[]> {
  return eventsUntil(database, runId, (events) => ["SUCCEEDED", "FAILED", "CANCELLED"].includes(events.at(-1)?.type ?? ""));
}

export function typesOf(events: readonly RunEventRow[]): string[] { return events.map((event) => event.type); }
