/**
 * Live events of runs for any number of subscribers, with one reader of the database per run. A notification only wakes
 * the reader: what is sent comes from the rows, so nothing is lost with a lost notification, and a slow subscriber costs
 * memory to nobody: it pulls, and what has left the ring it reads from the table.
 */
import { FINAL_EVENT_TYPES, type RunEventType } from "../../../schema/jobs/run-event.ts";
import type { Database } from "../../store/database.ts";

export interface LoggedEvent { readonly seq: number; readonly type: string }
/** At most `limit` events with seq > after, in order of seq. */
export type ReadEvents<E> = (runId: string, after: number, limit: number) => Promise<readonly E[]>;

export interface HubOptions<E> {
  readonly read: ReadEvents<E>;
  readonly listen: Database["listen"];
  /** Looks without being woken so often. */
  readonly pollMs?: number;
  /** Events kept per run for subscribers that are nearly up to date. */
  readonly ring?: number;
  /** Largest payload. */
  readonly batch?: number;
  readonly onError?: (error: unknown) => void;
}

export class RunEventHub<E extends LoggedEvent> {
  readonly #options: Required<HubOptions<E>>;
  readonly #readers = new Map<string, Reader<E>>();
  #unlisten: (() => Promise<void>) | undefined;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: HubOptions<E>) {
    this.#options = { pollMs: 15_000, ring: 2048, batch: 500, onError: () => undefined, ...options };
  }

  async open(): Promise<this> {
    // null: notifications may have been missed.
    this.#unlisten = await this.#options.listen("run_events", (payload) => {
      if (payload === null) this.#wakeAll();
      else this.#readers.get(payload.slice(0, payload.indexOf(":")))?.wake();
    });
    this.#poll = setInterval(() => this.#wakeAll(), this.#options.pollMs).unref();
    return this;
  }

  /** Runs that somebody follows. */
  get readerCount(): number { return this.#readers.size; }

  /** Batches of the events after `after`: history, then live; ends after the run's last event, or at `return()`. */
  subscribe(runId: string, after: number): AsyncGenerator<readonly E[], void, void> {
    const stop = new AbortController();
    const batches = this.#batches(runId, after, stop.signal);
    const end = batches.return.bind(batches);
    // A generator that waits cannot be returned from outside: it must be woken first.
    batches.return = (value) => { stop.abort(); return end(value); };
    return batches;
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    for (const reader of this.#readers.values()) reader.close();
    await this.#unlisten?.();
  }

  async *#batches(runId: string, after: number, stop: AbortSignal): AsyncGenerator<readonly E[], void, void> {
    const reader = this.#enter(runId, after);
    try {
      for (let cursor = after; !stop.aborted;) {
        const version = reader.version;
        const batch = reader.since(cursor) ?? await this.#options.read(runId, cursor, this.#options.batch);
        if (batch.length > 0) {
          cursor = batch.at(-1)!.seq;
          yield batch;
          if (batch.some((event) => FINAL_EVENT_TYPES.has(event.type as RunEventType))) return;
        } else if (!await reader.changedSince(version, stop)) return;
      }
    } finally {
      this.#leave(runId, reader);
    }
  }

  #enter(runId: string, after: number): Reader<E> {
    let reader = this.#readers.get(runId);
    if (!reader) {
      reader = new Reader(runId, after, this.#options);
      this.#readers.set(runId, reader);
    }
    reader.subscribers++;
    return reader;
  }

  #leave(runId: string, reader: Reader<E>): void {
    if (--reader.subscribers > 0) return;
    reader.close();
    if (this.#readers.get(runId) === reader) this.#readers.delete(runId);
  }

  #wakeAll(): void { for (const reader of this.#readers.values()) reader.wake(); }
}

/** Follows the log of one run and keeps its newest events. */
class Reader<E extends LoggedEvent> {
  subscribers = 0;
  /** Counts the times that there was something new. */
  version = 0;
  readonly #runId: string;
  readonly #options: Required<HubOptions<E>>;
  #ring: E[] = [];
  /** Everything after this and up to the ring's end is in the ring. */
  #before: number;
  #wanted = false;
  #reading = false;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(runId: string, after: number, options: Required<HubOptions<E>>) {
    this.#runId = runId;
    this.#before = after;
    this.#options = options;
    this.wake();
  }

  /** The next batch after `cursor`, empty when there is none yet; undefined when it has left the ring. */
  since(cursor: number): readonly E[] | undefined {
    if (cursor < this.#before) return undefined;
    return this.#ring.slice(cursor - this.#before, cursor - this.#before + this.#options.batch);
  }

  /** Resolves once the version differs; false when stopped or closed. */
  async changedSince(version: number, stop: AbortSignal): Promise<boolean> {
    while (this.version === version && !stop.aborted && !this.#closed) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          stop.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        stop.addEventListener("abort", wake);
      });
    }
    return !stop.aborted && !this.#closed;
  }

  wake(): void {
    this.#wanted = true;
    if (!this.#reading) void this.#readAll();
  }

  close(): void {
    this.#closed = true;
    this.#tell();
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        const events = await this.#options.read(this.#runId, this.#before + this.#ring.length, this.#options.batch);
        if (events.length === this.#options.batch) this.#wanted = true;
        if (events.length > 0) this.#append(events);
      } catch (error) {
        this.#options.onError(error); // the poll tries again
      }
    }
    this.#reading = false;
  }

  #append(events: readonly E[]): void {
    this.#ring.push(...events);
    const extra = Math.max(0, this.#ring.length - this.#options.ring);
    this.#ring.splice(0, extra);
    this.#before += extra;
    this.version++;
    this.#tell();
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
