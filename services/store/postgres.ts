import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";

import * as tables from "../../schema/tables/tables.ts";
import { AppError } from "../common/errors.ts";
import { logger } from "../common/log.ts";
import { Cleanup } from "./cleanup.ts";
import type { Database, Db } from "./database.ts";
import { migrateWith } from "./migrate.ts";
import { PostgresListener } from "./postgres-listener.ts";
import { startQueue } from "./queue.ts";

/** Any number that nobody else locks in the same database: "lorenz" in ASCII. */
const MIGRATION_LOCK = 0x6c6f72656e7a;

/** What is tested, as server_version_num. */
const OLDEST_SERVER = 150_000;

export async function openPostgres(connectionString: string): Promise<Database> {
  const cleanup = new Cleanup();
  try {
    const pool = new pg.Pool({ connectionString, max: 10, application_name: "lorenz" });
    cleanup.add(() => pool.end());
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on("error", (error) => logger("store").warn({ err: error }, "an idle database connection broke"));
    await requireServer(pool);
    await migrateLocked(pool);
    const db = drizzle(pool, { schema: tables }) as Db;
    // A killed agent's job comes back only when some instance looks: every 5 s, so within heartbeat + 5 s.
    const boss = await startQueue({ connectionString, max: 4, superviseIntervalSeconds: 5, monitorIntervalSeconds: 5 });
    cleanup.add(() => boss.stop({ graceful: true, timeout: 5000 }));
    const listener = new PostgresListener(connectionString);
    cleanup.add(() => listener.close());
    return {
      kind: "postgres", db, boss,
      listen: (channel, handler) => listener.listen(channel, handler),
      ping: async () => { await pool.query("select 1"); },
      close: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run().catch(() => undefined); // what went wrong first is what matters
    throw error;
  }
}

/** @throws AppError CONFIG_INVALID; the message carries no password. */
async function requireServer(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ version: string }>("select current_setting('server_version_num') as version").catch((cause: Error) => {
    throw new AppError("CONFIG_INVALID", `DATABASE_URL: expected a PostgreSQL server that answers, got: ${cause.message || (cause as NodeJS.ErrnoException).code}`, {}, { cause });
  });
  const version = Number(rows[0]?.version);
  if (!(version >= OLDEST_SERVER)) throw new AppError("CONFIG_INVALID", `DATABASE_URL: expected PostgreSQL 15 or later, got ${Math.floor(version / 10_000)}`);
}

/** Drizzle's migrator takes no lock; gateways and agents that start together would both create the tables. */
async function migrateLocked(pool: pg.Pool): Promise<void> {
  const connection = await pool.connect();
  try {
    await connection.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    const client = drizzle(connection, { schema: tables });
    await migrateWith(client as Db, (config) => migrate(client, config));
    await connection.query("select pg_advisory_unlock($1)", [MIGRATION_LOCK]);
    connection.release();
  } catch (error) {
    connection.release(true); // ends the session, and with it the lock
    throw error;
  }
}
