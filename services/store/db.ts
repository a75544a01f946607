/** The database: PGlite in the data directory, or PostgreSQL by URL. Nothing above knows which it is. */
import type { Database } from "./database.ts";
import { openEmbedded } from "./embedded.ts";
import { openPostgres } from "./postgres.ts";

export type { Channel, Database, Db, Listener, Store } from "./database.ts";

export interface DatabaseOptions {
  /** Absent: embedded. */
  readonly databaseUrl?: string;
  /** Holds the embedded database and its lock. */
  readonly dataDir: string;
  /** Embedded: a dumped database to start a new directory from, instead of the slow first initialisation. */
  readonly image?: Blob;
}

/**
 * Opens, migrates, starts the queue.
 *
 * @throws AppError DATA_DIR_LOCKED; CONFIG_INVALID when the database was written by a newer Lorenz.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.databaseUrl === undefined ? openEmbedded(options) : openPostgres(options.databaseUrl);
}
