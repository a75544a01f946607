import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

import { childEnvironment, type Environment } from "../../../services/common/config.ts";
import { cannot, type Engine } from "./engine.ts";
import { type Answer, parseAnswer, type Question } from "./protocol.ts";

/** How a peer is started. */
export interface PeerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Environment;
}

/** Lines of a peer's stderr that are kept, for when it dies. */
const KEPT_LINES = 5;

/** A peer in its own process, asked one thing at a time; while nobody asks it waits for its input and uses no processor. */
export class PeerProcess implements Engine {
  title: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lastWords: string[] = [];
  readonly #answers: AsyncIterator<string>;
  readonly #gone: Promise<void>;

  /** @param folder where results are handed over. */
  private constructor(readonly name: string, { command, args, env = {} }: PeerCommand, private readonly folder: string) {
    this.title = name;
    this.#child = spawn(command, [...args], { env: childEnvironment(env), stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin.on("error", () => undefined); // writing to a dead peer; its silence tells
    createInterface(this.#child.stderr).on("line", (line) => {
      this.#lastWords.push(line);
      if (this.#lastWords.length > KEPT_LINES) this.#lastWords.shift();
    });
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#gone = new Promise((resolve) => {
      this.#child.once("close", () => resolve());
      this.#child.once("error", (error) => {
        this.#lastWords.push(error.message);
        resolve();
      });
    });
  }

  /** @returns the peer once it can be asked, or why it cannot run here. */
  static async start(command: PeerCommand, folder: string): Promise<PeerProcess | string> {
    const peer = new PeerProcess(command.name, command, folder);
    const hello = await peer.#next();
    if ("engine" in hello) {
      peer.title = hello.engine;
      return peer;
    }
    await peer.end();
    return "error" in hello ? hello.error : `it began with ${JSON.stringify(hello)}`;
  }

  async time(name: string, count: number): Promise<number> {
    const answer = await this.#ask({ case: name, count });
    if ("ms" in answer) return answer.ms;
    throw cannot(this.name, name, "error" in answer ? answer.error : `it answered ${JSON.stringify(answer)}`);
  }

  async output(name: string): Promise<Float32Array> {
    const file = join(this.folder, "output.f32");
    const answer = await this.#ask({ case: name, output: file });
    if (!("elements" in answer)) throw cannot(this.name, name, "error" in answer ? answer.error : `it answered ${JSON.stringify(answer)}`);
    const bytes = readFileSync(file);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#gone;
  }

  #ask(question: Question): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return this.#next();
  }

  async #next(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (!done) return parseAnswer(value);
    await this.#gone;
    return { error: `its process ended${this.#lastWords.length > 0 ? `: ${this.#lastWords.join(" / ")}` : ""}` };
  }
}
