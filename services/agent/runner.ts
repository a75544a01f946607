/** The agent's one warm runner: started when needed, replaced when dead, asked what it runs on before it gets work. */
import type { DatasetInfo } from "../../schema/jobs/dataset.ts";
import type { Environment } from "../../schema/jobs/runner-message.ts";
import { type ReceivedMessage, type RunnerDeath, RunnerProcess } from "./runner-process.ts";

export type Readiness = { readonly ok: true } | { readonly ok: false; readonly code: string; readonly message: string; readonly details: Readonly<Record<string, unknown>> };

export interface RunnerCallbacks {
  message(message: Extract<ReceivedMessage, { runId: string }>): void;
  died(death: RunnerDeath): void;
  environment(environment: Environment): void;
  datasets(datasets: readonly DatasetInfo[]): void;
}

/** A driver can hang while it opens. Opening and measuring take seconds, on the slowest adapter a minute. */
const DESCRIBE_MS = 180_000;

export class Runner {
  /** Of the last runner that said so; a new one on the same adapter keeps the speed that was measured once. */
  environment: Environment | null = null;
  /** Why there is no device, while there is none. */
  failure: Extract<Readiness, { ok: false }> | undefined;
  readonly #path: string;
  readonly #callbacks: RunnerCallbacks;
  #process: RunnerProcess | undefined;
  #ready: Promise<Readiness> | undefined;
  #described!: (readiness: Readiness) => void;

  constructor(path: string, callbacks: RunnerCallbacks) {
    this.#path = path;
    this.#callbacks = callbacks;
  }

  /** The process that `describe` found or started last. */
  get process(): RunnerProcess { return this.#process!; }

  /** Waits until a living runner has said what it runs on, or why it cannot; starts one if there is none. */
  describe(): Promise<Readiness> {
    if (this.#ready && this.#process?.isAlive) return this.#ready;
    this.failure = undefined;
    this.#ready = new Promise((resolve) => { this.#described = resolve; });
    const process: RunnerProcess = new RunnerProcess(this.#path, {
      message: (message) => { if (this.#process === process) this.#receive(message); },
      died: (death) => { if (this.#process === process) this.#died(death); },
    });
    this.#process = process;
    const timer = setTimeout(() => process.kill({ message: `runner: expected a description within ${DESCRIBE_MS / 1000} s, got none`, details: {} }), DESCRIBE_MS);
    void this.#ready.then(() => clearTimeout(timer));
    process.send({ type: "describe", measure: this.environment?.measuredGflops == null });
    return this.#ready;
  }

  /** Ends the process. `describe` starts another. */
  async stop(): Promise<void> { await this.#process?.stop(); }

  #receive(message: ReceivedMessage): void {
    switch (message.type) {
      case "environment": {
        const { environment } = message;
        const measuredGflops = environment.measuredGflops ?? (this.environment?.adapter === environment.adapter ? this.environment.measuredGflops : null);
        this.environment = { ...environment, measuredGflops };
        return this.#callbacks.environment(this.environment);
      }
      case "no-device":
        this.failure = { ok: false, code: message.code, message: message.message, details: {} };
        return;
      case "datasets":
        this.#callbacks.datasets(message.datasets);
        return this.#described(this.failure ?? { ok: true });
      default:
        return this.#callbacks.message(message);
    }
  }

  #died(death: RunnerDeath): void {
    this.#described({ ok: false, code: "RUNNER_DIED", ...death });
    this.#callbacks.died(death);
  }
}
