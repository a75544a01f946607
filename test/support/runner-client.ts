import { fork, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";

import { type AgentMessage, runnerMessageSchema } from "../../schema/jobs/runner-message.ts";

export type Received = ReturnType<typeof runnerMessageSchema.parse>;
type OfType<T extends Received["type"]> = Extract<Received, { type: T }>;

/** The agent's end of a real runner process: sends, keeps what came (each message checked against the schema), waits. */
export class RunnerClient {
  readonly received: Received[] = [];
  readonly #arrivals = new EventEmitter();
  readonly #child: ChildProcess;
  /** [exit code, signal] */
  readonly exit: Promise<[number | null, NodeJS.Signals | null]>;

  constructor(dataDir: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(fileURLToPath(new URL("../../services/runner/main.ts", import.meta.url)), { execArgv: ["--import", "tsx"], env: { ...process.env, LORENZ_DATA: dataDir, ...env } });
    this.exit = once(this.#child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    this.#child.on("message", (message) => {
      this.received.push(runnerMessageSchema.parse(message));
      this.#arrivals.emit("arrival");
    });
    void this.exit.then(() => this.#arrivals.emit("arrival"));
  }

  send(message: AgentMessage | object): void { this.#child.send(message); }

  /** The first message, from number `from` on, that one of the types says; rejects when the process ends without it. */
  async next<T extends Received["type"]>(from: number, ...types: T[]): Promise<OfType<T>> {
    for (;;) {
      const found = this.received.slice(from).find((message): message is OfType<T> => (types as string[]).includes(message.type));
      if (found) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`the runner ended before any of ${types.join(", ")}`);
      await once(this.#arrivals, "arrival");
    }
  }

  /** Sends a start and waits for the message that ends the run; all messages of the run, in order. */
  async run(start: Extract<AgentMessage, { type: "start" }>): Promise<Received[]> {
    const from = this.received.length;
    this.send(start);
    await this.next(from, "finished", "failed", "cancelled");
    return this.received.slice(from);
  }

  disconnect(): void { this.#child.disconnect(); }
  kill(): void { this.#child.kill("SIGKILL"); }
}
