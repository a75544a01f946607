/**
 * Claims runs from the queue, one at a time, and has them done by a runner process that it starts, watches and replaces.
 * Writes all that the runner says. Knows no tensors.
 */
import { isDeepStrictEqual } from "node:util";

import { RUN_QUEUE, runJobSchema } from "../../schema/jobs/run-config.ts";
import type { Environment } from "../../schema/jobs/runner-message.ts";
import { AppError } from "../common/errors.ts";
import { newId } from "../common/ids.ts";
import { type Logger, logger } from "../common/log.ts";
import { AGENT_BEAT_MS, registerAgent, removeAgent, updateAgent } from "../store/agents.store.ts";
import { type ClaimResult, ClaimLostError, claimRun, failRun, interruptRun, isCancelRequested, recordEnvironment, recoverRuns } from "../store/claims.store.ts";
import type { Database } from "../store/database.ts";
import { saveDatasets } from "../store/datasets.store.ts";
import { HEARTBEAT_REFRESH_SECONDS, sendRunLater } from "../store/queue.ts";
import { Attempt, type Outcome } from "./attempt.ts";
import { Runner } from "./runner.ts";
import { defaultRunnerPath } from "./runner-process.ts";

export interface AgentOptions {
  readonly database: Database;
  /** Shared with every gateway that serves the blobs. */
  readonly blobDir: string;
  readonly runnerPath?: string;
  /** Whether no other agent can use the database. Default: when it is embedded. */
  readonly onlyAgent?: boolean;
  /** Default 250: four progress events a second. */
  readonly flushMs?: number;
  /** Default 30 000. */
  readonly cancelGraceMs?: number;
}

/** How often lost runs are looked for. */
const RECOVER_EVERY_MS = 60_000;
/** Among several agents, one without a device leaves the work to the others and looks again. */
const LOOK_AGAIN_MS = 30_000;
/** A run whose agent seems to live is asked for again after this. */
const TAKEN_SECONDS = 5;

type Claimed = Extract<ClaimResult, { outcome: "claimed" }>;

export class Agent {
  readonly id = newId();
  readonly #o: Required<AgentOptions>;
  readonly #log: Logger;
  readonly #runner: Runner;
  #current: Attempt | undefined;
  #workId: string | undefined;
  #unlisten: (() => Promise<void>) | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #working: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: AgentOptions) {
    this.#o = { runnerPath: defaultRunnerPath(), onlyAgent: options.database.kind === "embedded", flushMs: 250, cancelGraceMs: 30_000, ...options };
    this.#log = logger("agent").child({ agent: this.id });
    this.#runner = new Runner(this.#o.runnerPath, {
      message: (message) => this.#current?.message(message),
      died: (death) => {
        if (!this.#stop.signal.aborted) this.#log.warn({ death }, "the runner died");
        this.#current?.died(death);
      },
      environment: (environment) => this.#tell("environment", this.#saveEnvironment(environment)),
      datasets: (datasets) => this.#tell("datasets", saveDatasets(this.#o.database.db, datasets, this.#o.onlyAgent)),
    });
  }

  /** Puts lost runs back into the queue, then begins to work; does not wait for the runner to be ready. */
  async start(): Promise<void> {
    const { database, blobDir, onlyAgent } = this.#o;
    await registerAgent(database.db, this.id, onlyAgent);
    await this.#recover();
    this.#unlisten = await database.listen("run_cancel", (runId) => {
      if (runId === null) this.#tell("cancel", this.#pollCancel());
      else if (runId === this.#current?.claim.runId) this.#current.cancel();
    });
    this.#every(AGENT_BEAT_MS, "beat", async () => {
      await updateAgent(database.db, this.id);
      await this.#pollCancel();
    });
    this.#every(RECOVER_EVERY_MS, "recover", () => this.#recover());
    this.#working = this.#keepTrying();
    this.#log.info({ blobDir, onlyAgent }, "agent started");
  }

  /** Takes no more work, gives the current run back to the queue, ends the runner. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#current?.interrupt();
    const stopRunner = this.#runner.stop(); // also ends a wait for its description
    await this.#working;
    if (this.#workId) await this.#o.database.boss.offWork(RUN_QUEUE, { id: this.#workId, wait: true });
    await stopRunner;
    await this.#unlisten?.();
    await removeAgent(this.#o.database.db, this.id);
    this.#log.info("agent stopped");
  }

  /** A database that is away for a moment must not leave an agent that lives and takes nothing. */
  async #keepTrying(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#beginWork();
      } catch (error) {
        this.#log.error({ err: error }, "cannot take work; will try again");
        await pause(LOOK_AGAIN_MS, this.#stop.signal);
      }
    }
  }

  async #beginWork(): Promise<void> {
    const { database, onlyAgent } = this.#o;
    while (!this.#stop.signal.aborted) {
      const ready = await this.#runner.describe();
      if (this.#stop.signal.aborted) return;
      await updateAgent(database.db, this.id, ready.ok ? { state: "idle", message: null } : { state: "no-device", message: ready.message });
      if (!ready.ok) this.#log.error({ code: ready.code }, `no device: ${ready.message}`);
      // Alone, it takes the runs all the same and fails them with the reason: nobody else will ever do them.
      if (ready.ok || onlyAgent) break;
      await this.#runner.stop();
      await pause(LOOK_AGAIN_MS, this.#stop.signal);
    }
    if (this.#stop.signal.aborted) return;
    this.#workId = await database.boss.work(RUN_QUEUE, {
      batchSize: 1, pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 2, heartbeatRefreshSeconds: HEARTBEAT_REFRESH_SECONDS,
    }, async ([job]) => {
      try {
        if (job) await this.#workOn(runJobSchema.parse(job.data).runId);
      } catch (error) {
        if (error instanceof ClaimLostError) return; // the run is another's; so is its job
        if (!this.#stop.signal.aborted) this.#log.error({ err: error, job: job?.data }, "a job failed; it will be delivered again");
        throw error;
      } finally {
        // Otherwise the next job of a backlog waits for the next poll.
        if (this.#workId) database.boss.notifyWorker(this.#workId);
      }
    });
  }

  async #workOn(runId: string): Promise<void> {
    const { database, blobDir } = this.#o;
    let outcome: Outcome = "again";
    while (outcome === "again") {
      if (this.#stop.signal.aborted) throw new AppError("AGENT_STOPPED", `run ${runId}: the agent stops; the queue keeps the job`);
      const claimed = await claimRun(database, runId, { agentId: this.id, environment: this.#runner.environment, blobDir });
      if (claimed.outcome === "taken") return sendRunLater(database, runId, TAKEN_SECONDS);
      if (claimed.outcome === "ended") return;
      await updateAgent(database.db, this.id, { state: "busy", currentRunId: runId });
      try {
        outcome = await this.#attempt(claimed);
      } finally {
        await updateAgent(database.db, this.id, { state: this.#runner.failure ? "no-device" : "idle", currentRunId: null });
      }
    }
  }

  async #attempt({ run, claim, models, datasets, resume }: Claimed): Promise<Outcome> {
    const { database: store, blobDir, flushMs, cancelGraceMs } = this.#o;
    if (this.#stop.signal.aborted) return this.#giveBack(claim); // before a runner is started that nobody would end
    const ready = await this.#runner.describe();
    if (this.#stop.signal.aborted) return this.#giveBack(claim);
    if (!ready.ok && ready.code !== "RUNNER_DIED") {
      await failRun(store, claim, blobDir, { code: ready.code, message: ready.message, details: {} });
      return "done";
    }
    const attempt = new Attempt({ store, blobDir, runner: this.#runner.process, claim, flushMs, cancelGraceMs });
    this.#current = attempt;
    try {
      if (!ready.ok) attempt.died({ message: ready.message, details: ready.details });
      else {
        // "start" first: a cancel that comes while the environment is written must find a run to cancel.
        this.#runner.process.send({ type: "start", runId: run.id, attempt: claim.attempt, config: run.config, seed: run.seed, models: [...models], datasets: [...datasets], blobDir, ...(resume && { resume }) });
        if (!isDeepStrictEqual(run.environment, this.#runner.environment)) await recordEnvironment(store, claim, this.#runner.environment!);
        if (await isCancelRequested(store, claim)) attempt.cancel(); // asked for before this attempt could hear it
      }
      return await attempt.outcome;
    } catch (error) {
      this.#runner.process.kill(); // it may be at work on a run that nobody follows any more
      throw error;
    } finally {
      this.#current = undefined;
    }
  }

  async #giveBack(claim: Claimed["claim"]): Promise<Outcome> {
    await interruptRun(this.#o.database, claim, this.#o.blobDir);
    return "done";
  }

  async #recover(): Promise<void> {
    const { database, blobDir, onlyAgent } = this.#o;
    const count = await recoverRuns(database, this.id, blobDir, onlyAgent);
    if (count > 0) this.#log.warn({ count }, "put lost runs back into the queue");
  }

  async #saveEnvironment(environment: Environment): Promise<void> {
    await updateAgent(this.#o.database.db, this.id, { environment });
  }

  /** The notification may be lost with its connection. */
  async #pollCancel(): Promise<void> {
    const attempt = this.#current;
    if (attempt && await isCancelRequested(this.#o.database, attempt.claim)) attempt.cancel();
  }

  #every(ms: number, what: string, body: () => Promise<void>): void {
    this.#timers.push(setInterval(() => this.#tell(what, body()), ms));
  }

  /** For what nobody waits for: a failure is told, and the next time may do better. */
  #tell(what: string, done: Promise<void>): void {
    done.catch((error: unknown) => {
      if (!(error instanceof ClaimLostError)) this.#log.warn({ err: error }, `${what} failed`);
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
