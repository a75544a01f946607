import type { RunStatus } from "../../../schema/jobs/run-config.ts";
import type { Database } from "../../store/database.ts";
import type { RunState } from "../../store/queries/runs.query.ts";

export interface RunChangeFeedOptions {
  readonly statesOf: (ids: readonly string[]) => Promise<readonly RunState[]>;
  /** The runs that a list shows first; looked at when notifications may have been missed. */
  readonly newest: () => Promise<readonly RunState[]>;
  readonly listen: Database["listen"];
  readonly pollMs?: number;
  readonly onError?: (error: unknown) => void;
}

interface Subscriber { pending: Map<string, RunStatus>; wake: () => void }

/**
 * Which runs were added or changed status, for lists. What happens while a subscriber is busy is put together: it gets the
 * latest status of each run, once.
 */
export class RunChangeFeed {
  readonly #options: Required<RunChangeFeedOptions>;
  readonly #subscribers = new Set<Subscriber>();
  /** Last status told. */
  readonly #known = new Map<string, RunStatus>();
  readonly #touched = new Set<string>();
  #missed = false;
  #reading = false;
  #closed = false;
  #unlisten: (() => Promise<void>) | undefined;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: RunChangeFeedOptions) {
    this.#options = { pollMs: 15_000, onError: () => undefined, ...options };
  }

  async open(): Promise<this> {
    this.#unlisten = await this.#options.listen("runs_changed", (runId) => this.#touch(runId));
    for (const { id, status } of await this.#options.newest()) this.#known.set(id, status);
    this.#poll = setInterval(() => this.#touch(null), this.#options.pollMs).unref();
    return this;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    for (const { wake } of this.#subscribers) wake();
    await this.#unlisten?.();
  }

  /** What changes from this call on, even before the first batch is asked for. */
  subscribe(): AsyncGenerator<readonly RunState[], void, void> {
    const subscriber: Subscriber = { pending: new Map(), wake: () => undefined };
    this.#subscribers.add(subscriber);
    const changes = this.#changes(subscriber);
    const end = changes.return.bind(changes);
    // A generator that waits, or was never started, cannot clean up by itself.
    changes.return = (value) => {
      this.#subscribers.delete(subscriber);
      subscriber.wake();
      return end(value);
    };
    return changes;
  }

  async *#changes(subscriber: Subscriber): AsyncGenerator<readonly RunState[], void, void> {
    try {
      while (this.#subscribers.has(subscriber) && !this.#closed) {
        if (subscriber.pending.size === 0) await new Promise<void>((resolve) => { subscriber.wake = resolve; });
        else {
          const batch = [...subscriber.pending].map(([id, status]) => ({ id, status }));
          subscriber.pending = new Map();
          yield batch;
        }
      }
    } finally {
      this.#subscribers.delete(subscriber);
    }
  }

  #touch(runId: string | null): void {
    if (runId === null) this.#missed = true;
    else this.#touched.add(runId);
    if (!this.#reading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    while ((this.#missed || this.#touched.size > 0) && !this.#closed) {
      const [missed, ids] = [this.#missed, [...this.#touched]];
      this.#missed = false;
      this.#touched.clear();
      try {
        if (missed) this.#tell(await this.#options.newest());
        this.#tell(await this.#options.statesOf(ids));
      } catch (error) {
        for (const id of ids) this.#touched.add(id);
        if (missed) this.#missed = true;
        this.#options.onError(error);
        break; // the next poll or change tries again
      }
    }
    this.#reading = false;
  }

  #tell(states: readonly RunState[]): void {
    for (const { id, status } of states) {
      if (this.#known.get(id) === status) continue;
      this.#known.set(id, status);
      for (const subscriber of this.#subscribers) {
        subscriber.pending.set(id, status);
        subscriber.wake();
      }
    }
  }
}
