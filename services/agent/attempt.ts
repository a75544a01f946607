/** One attempt at one run: turns what the runner says into rows, in order, and decides how it ends. */
import { entryOf } from "../../schema/errors.ts";
import { resultsSchema } from "../../schema/jobs/results.ts";
import type { MetricPoint } from "../../schema/jobs/runner-message.ts";
import { AppError, assertNever } from "../common/errors.ts";
import {
  type Claim, ClaimLostError, type Failure, cancelClaimed, failAttempt, failRun, finishRun, interruptRun, recordCheckpoint, recordKernelVariants, recordProgress, recordResults,
} from "../store/claims.store.ts";
import type { Store } from "../store/database.ts";
import type { ReceivedMessage, RunnerDeath, RunnerProcess } from "./runner-process.ts";

/** What the agent does next: try the run again, leave it (it has ended, or waits in the queue), or nothing, it is another's. */
export type Outcome = "again" | "done" | "lost";

type OfRun = Extract<ReceivedMessage, { runId: string }>;
type Progress = Omit<Extract<OfRun, { type: "progress" }>, "type" | "runId">;

export interface AttemptOptions {
  readonly store: Store;
  readonly blobDir: string;
  readonly runner: RunnerProcess;
  readonly claim: Claim;
  /** Progress and metrics are stored together, at most once in this time. */
  readonly flushMs: number;
  /** A runner that does not answer a cancellation for so long is killed. */
  readonly cancelGraceMs: number;
}

export class Attempt {
  /** Rejects only when the database fails; then the queue delivers the run again. */
  readonly outcome: Promise<Outcome>;
  readonly #o: AttemptOptions;
  #resolve!: (outcome: Outcome | Promise<Outcome>) => void;
  #queue: Promise<void> = Promise.resolve();
  #points: MetricPoint[] = [];
  #progress: Progress | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #cancelTimer: NodeJS.Timeout | undefined;
  #cancelling = false;
  /** Nothing more that the runner says counts. */
  #concluded = false;
  /** The outcome stands; what is still queued is void. */
  #settled = false;

  constructor(options: AttemptOptions) {
    this.#o = options;
    this.outcome = new Promise((resolve) => { this.#resolve = resolve; });
    this.outcome.catch(() => undefined); // it may fail before anyone waits for it
  }

  get claim(): Claim { return this.#o.claim; }

  message(message: OfRun): void {
    if (this.#concluded) return;
    if (message.runId !== this.claim.runId) return this.#violated(`a message about run ${message.runId} during run ${this.claim.runId}`);
    const { store, claim, blobDir } = this.#o;
    switch (message.type) {
      case "progress": {
        const { type: _type, runId: _runId, ...progress } = message;
        this.#progress = progress;
        return this.#flushSoon();
      }
      case "metrics":
        this.#points.push(...message.points);
        return this.#flushSoon();
      case "note":
        return this.#write(() => recordProgress(store, claim, { notes: [message.message] }));
      case "checkpoint":
        return this.#write(() => recordCheckpoint(store, claim, blobDir, message.epoch, message.blob));
      case "results":
        return this.#write(() => recordResults(store, claim, blobDir, resultsSchema.parse(message.results)));
      case "kernel-variants":
        return this.#write(() => recordKernelVariants(store, claim, message.kernelVariants));
      case "finished":
        return this.#finished(message);
      case "failed":
        return this.#failed(message);
      case "cancelled":
        if (!this.#cancelling) return this.#violated('"cancelled" without having been asked');
        return this.#conclude(async () => { await cancelClaimed(store, claim, blobDir); return "done"; });
      default:
        return assertNever(message);
    }
  }

  died({ message, details }: RunnerDeath): void {
    const { store, claim, blobDir } = this.#o;
    if (this.#cancelling) this.#conclude(async () => { await cancelClaimed(store, claim, blobDir); return "done"; });
    else this.#tryAgain({ code: "RUNNER_DIED", message, details });
  }

  /** Asks the runner to stop. Idempotent. */
  cancel(): void {
    if (this.#cancelling || this.#concluded) return;
    this.#cancelling = true;
    this.#o.runner.send({ type: "cancel", runId: this.claim.runId });
    this.#cancelTimer = setTimeout(() => this.#o.runner.kill(), this.#o.cancelGraceMs);
  }

  /** Gives the run back to the queue and ends the runner. */
  interrupt(): void {
    const { store, claim, blobDir, runner } = this.#o;
    this.#conclude(async () => { await interruptRun(store, claim, blobDir); return "done"; });
    runner.kill();
  }

  #finished({ type: _type, runId: _runId, ...products }: Extract<OfRun, { type: "finished" }>): void {
    const { store, claim, blobDir } = this.#o;
    this.#conclude(async () => { await finishRun(store, claim, blobDir, products); return "done"; });
  }

  #failed(failure: Failure): void {
    const { store, claim, blobDir, runner } = this.#o;
    const { code, message, details } = failure;
    if (entryOf(code).retry === "new-runner") this.#tryAgain({ code, message, details });
    else this.#conclude(async () => { await failRun(store, claim, blobDir, { code, message, details }); return "done"; });
    if (entryOf(code).endsDevice || entryOf(code).retry === "new-runner") runner.kill();
  }

  #violated(what: string): void {
    const message = `runner: expected a message of the protocol, got ${what}`;
    this.#tryAgain({ code: "RUNNER_DIED", message, details: {} });
    this.#o.runner.kill({ message, details: {} });
  }

  #tryAgain(failure: Failure): void {
    const { store, claim, blobDir } = this.#o;
    this.#conclude(async () => ((await failAttempt(store, claim, blobDir, failure)) === "again" ? "again" : "done"));
  }

  #settle(outcome: Outcome | Promise<Outcome>): void {
    this.#settled = true;
    this.#resolve(outcome);
  }

  #flushSoon(): void { this.#flushTimer ??= setTimeout(() => this.#flush(), this.#o.flushMs); }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const [points, progress] = [this.#points, this.#progress];
    this.#points = [];
    this.#progress = undefined;
    if (points.length > 0 || progress) this.#append(() => recordProgress(this.#o.store, this.claim, { points, progress }));
  }

  /** What was said before comes before. */
  #write(body: () => Promise<void>): void {
    this.#flush();
    this.#append(body);
  }

  /** One after the other, in the order they were said. */
  #append(body: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#settled) return;
      try {
        await body();
      } catch (error) {
        this.#close();
        this.#o.runner.kill();
        this.#settle(this.#afterRefusal(error));
      }
    });
  }

  /** The first conclusion counts, and is written after everything said before. */
  #conclude(write: () => Promise<Outcome>): void {
    if (this.#concluded) return;
    this.#flush();
    this.#close();
    this.#append(async () => this.#settle(await write()));
  }

  #close(): void {
    this.#concluded = true;
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#cancelTimer);
  }

  /** A write failed. What cannot be stored however often is the runner's fault; anything else is the database's. */
  async #afterRefusal(error: unknown): Promise<Outcome> {
    if (error instanceof ClaimLostError) return "lost";
    if (!isUnstorable(error)) throw error;
    const { store, claim, blobDir } = this.#o;
    const cause = error instanceof Error && !(error instanceof AppError) ? error.cause ?? error : error;
    const message = `runner: expected something that can be stored, got: ${(cause as Error).message}`;
    try {
      return (await failAttempt(store, claim, blobDir, { code: "RUNNER_DIED", message, details: {} })) === "again" ? "again" : "done";
    } catch (second) {
      if (second instanceof ClaimLostError) return "lost";
      throw second;
    }
  }
}

/** A missing blob, a broken rule of ours, or SQLSTATE class 22 (data) or 23 (constraint). */
function isUnstorable(error: unknown): boolean {
  const { code } = (error instanceof Error ? error.cause : undefined) as { code?: string } ?? {};
  return error instanceof AppError || /^2[23]/.test(code ?? "");
}
