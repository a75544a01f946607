import pg from "pg";

import { logger } from "../common/log.ts";
import type { Channel, Listener } from "./database.ts";

const RETRY_MS = { first: 100, most: 5000 };
/** A connection that a firewall forgot stays silent instead of failing; a query every so often finds out. */
const PROBE_EVERY_MS = 15_000;

/** LISTEN on a connection of its own (no PgBouncer in transaction mode) that comes back by itself and then says null. */
export class PostgresListener {
  readonly #connectionString: string;
  readonly #listeners = new Map<Channel, Set<Listener>>();
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connectionString: string) { this.#connectionString = connectionString; }

  async listen(channel: Channel, listener: Listener): Promise<() => Promise<void>> {
    const own: Listener = (payload) => listener(payload); // the same function may be given twice
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(own));
    if (this.#client) await this.#client.query(`listen ${channel}`);
    else await (this.#connecting ??= this.#connect());
    return async () => { listeners.delete(own); };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#probe);
    await this.#connecting?.catch(() => undefined);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#connectionString, keepAlive: true, application_name: "lorenz-listen" });
    client.on("error", () => this.#lost(client));
    client.on("end", () => this.#lost(client));
    client.on("notification", ({ channel, payload }) => this.#tell(channel as Channel, payload ?? ""));
    await client.connect();
    // A channel may be added while this waits; its own `listen` waits for this promise, so it must be in the loop.
    for (const channel of this.#listeners.keys()) await client.query(`listen ${channel}`);
    this.#client = client;
    this.#probe = setInterval(() => void client.query("select 1").catch(() => undefined), PROBE_EVERY_MS).unref();
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return; // never got that far, or heard of it before
    this.#client = undefined;
    clearInterval(this.#probe);
    client.end().catch(() => undefined);
    if (this.#closed) return;
    logger("store").warn("the listening database connection broke; connecting again");
    this.#reconnect(RETRY_MS.first);
  }

  #reconnect(afterMs: number): void {
    this.#retry = setTimeout(() => {
      this.#connecting = this.#connect();
      this.#connecting.then(
        () => { for (const channel of this.#listeners.keys()) this.#tell(channel, null); },
        () => { if (!this.#closed) this.#reconnect(Math.min(afterMs * 2, RETRY_MS.most)); },
      );
    }, afterMs);
  }

  #tell(channel: Channel, payload: string | null): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(payload);
  }
}
