import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type { PgBoss } from "pg-boss";

import type * as tables from "../../schema/tables/tables.ts";

/** The database or a transaction in it; one type for PGlite and PostgreSQL. */
export type Db = PgDatabase<PgQueryResultHKT, typeof tables>;

/** What a store function needs that also enqueues. */
export interface Store { readonly db: Db; readonly boss: PgBoss }

/**
 * Wake-ups only: a payload says where to look, the rows say what happened. run_events "<runId>:<lastSeq>"; runs_changed
 * and run_cancel "<runId>".
 */
export type Channel = "run_events" | "runs_changed" | "run_cancel";

/** null: some notifications may have been missed, read again. Must not throw. */
export type Listener = (payload: string | null) => void;

export interface Database extends Store {
  /** "embedded": this process is the only one that can use the data. */
  readonly kind: "embedded" | "postgres";
  /** Calls the listener from now on; resolves to what ends that. */
  listen(channel: Channel, listener: Listener): Promise<() => Promise<void>>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  /** Stops the queue, then the connections; gives the data directory back. Idempotent. */
  close(): Promise<void>;
}
