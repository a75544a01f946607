/**
 * One runner process. It speaks Node's IPC (lines of JSON on the descriptor that NODE_CHANNEL_FD names, as documented for
 * child_process.fork), but this end reads the lines itself: Node's own reader throws an uncaught error on a line that is
 * not JSON, and a driver that tramples the runner's memory must not take the agent with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

import { type AgentMessage, runnerMessageSchema } from "../../schema/jobs/runner-message.ts";
import { childEnvironment } from "../common/config.ts";

const CHANNEL = 3;
/** A line longer than this is no message. The largest batch of results is far below. */
const MAX_LINE = 256 * 2 ** 20;
const TAIL = 4000;
/** Between the end of the channel, on which a runner exits, and SIGKILL. */
const GRACE_MS = 3000;

/** Why a runner is no more, for people and for `error_details`. */
export interface RunnerDeath { readonly message: string; readonly details: Readonly<Record<string, unknown>> }

export interface RunnerListener {
  message(message: ReceivedMessage): void;
  /** Once, after the last message. */
  died(death: RunnerDeath): void;
}
export type ReceivedMessage = ReturnType<typeof runnerMessageSchema.parse>;

/** The runner that belongs to the running code: TypeScript when this file is, else the compiled one. */
export function defaultRunnerPath(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../runner/main.ts" : "../runner/main.js", import.meta.url));
}

export class RunnerProcess {
  readonly pid: number | undefined;
  /** Resolves when the process is gone and everything it said has been delivered. */
  readonly dead: Promise<RunnerDeath>;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  #blame: RunnerDeath | undefined;
  #tail = "";
  #alive = true;

  constructor(path: string, listener: RunnerListener) {
    const loader = path.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
    this.#child = spawn(process.execPath, [...loader, path], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: childEnvironment({ NODE_CHANNEL_FD: String(CHANNEL), NODE_CHANNEL_SERIALIZATION_MODE: "json" }),
    });
    this.pid = this.#child.pid;
    this.#channel = this.#child.stdio[CHANNEL] as Duplex;
    this.#channel.on("error", () => undefined); // writing to a dead runner; "close" below tells
    this.#forwardOutput();
    this.#readMessages(listener);
    this.dead = new Promise((resolve) => {
      this.#child.on("error", (error) => { this.#blame ??= { message: `runner ${path}: could not be started: ${error.message}`, details: { path } }; });
      // "close", not "exit": messages sent just before the end are still in the pipe at "exit".
      this.#child.on("close", (code, signal) => {
        this.#alive = false;
        resolve(this.#blame ?? this.#death(code, signal));
      });
    });
    void this.dead.then((death) => listener.died(death));
  }

  /** Whether it can be given work: false from the moment it is killed. */
  get isAlive(): boolean { return this.#alive; }

  send(message: AgentMessage): void {
    if (this.#alive) this.#channel.write(`${JSON.stringify(message)}\n`);
  }

  /** SIGKILL, at once. `blame`: what it did; else its death is reported as the signal. */
  kill(blame?: RunnerDeath): void {
    this.#blame ??= blame;
    this.#alive = false;
    this.#child.kill("SIGKILL");
  }

  /** Lets it close its device; kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#alive = false;
    this.#channel.end();
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    await this.dead;
    clearTimeout(timer);
  }

  #readMessages(listener: RunnerListener): void {
    let rest: string[] = [];
    let length = 0;
    this.#channel.setEncoding("utf8").on("data", (chunk: string) => {
      if (this.#blame) return; // condemned: nothing it says counts any more
      const lines = chunk.split("\n");
      for (const line of lines.slice(0, -1)) {
        const whole = [...rest, line].join("");
        rest = [];
        length = 0;
        if (!this.#deliver(whole, listener)) return;
      }
      const open = lines.at(-1)!;
      if (open) rest.push(open);
      length += open.length;
      if (length > MAX_LINE) this.#condemn(`a line of more than ${MAX_LINE} characters`, rest[0]!);
    });
  }

  #deliver(line: string, listener: RunnerListener): boolean {
    if (this.#blame) return false;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#condemn("a line that is not JSON", line);
      return false;
    }
    const parsed = runnerMessageSchema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      this.#condemn(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong"}`, line);
      return false;
    }
    listener.message(parsed.data);
    return true;
  }

  #condemn(what: string, line: string): void {
    this.kill({ message: `runner: expected a message of the protocol, got ${what}`, details: { received: line.slice(0, 300) } });
  }

  /** Its log goes where ours goes; the last of it helps to explain a death. */
  #forwardOutput(): void {
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on("data", (chunk: Buffer) => {
        process.stderr.write(chunk);
        this.#tail = (this.#tail + chunk.toString("utf8")).slice(-TAIL);
      });
    }
  }

  #death(code: number | null, signal: NodeJS.Signals | null): RunnerDeath {
    const how = signal ? `signal ${signal}` : `exit code ${code}`;
    return { message: `runner: expected it to live, but it ended with ${how}`, details: { exitCode: code, signal, output: this.#tail } };
  }
}
