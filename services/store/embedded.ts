import { existsSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { migrate } from "drizzle-orm/pglite/migrator";
import { fromPglite } from "pg-boss";

import * as tables from "../../schema/tables/tables.ts";
import { lockDirectory } from "../common/lock.ts";
import { logger } from "../common/log.ts";
import { Cleanup } from "./cleanup.ts";
import type { Database, Db } from "./database.ts";
import { migrateWith } from "./migrate.ts";
import { startQueue } from "./queue.ts";

/** PGlite runs no background process, so nobody else cleans up after updates. */
const VACUUM_EVERY_MS = 10 * 60_000;

/** PGlite does not fsync (electric-sql/pglite#1107): it survives kill -9 of the process, not a power cut. */
export async function openEmbedded({ dataDir, image }: { readonly dataDir: string; readonly image?: Blob }): Promise<Database> {
  const cleanup = new Cleanup();
  try {
    const lock = lockDirectory(dataDir);
    cleanup.add(() => lock.release());
    const folder = join(dataDir, "pg");
    const raw = await PGlite.create({ dataDir: folder, ...(image && !existsSync(folder) && { loadDataDir: image }) });
    cleanup.add(() => raw.close());
    yieldBetweenQueries(raw);
    const client = drizzle(raw, { schema: tables });
    const db = client as Db;
    await migrateWith(db, (config) => migrate(client, config));
    const boss = await startQueue({ db: fromPglite(raw), backend: "pglite" });
    cleanup.add(() => boss.stop({ graceful: true, timeout: 5000 }));
    cleanup.add(vacuumRegularly(raw));
    return {
      kind: "embedded", db, boss,
      listen: (channel, listener) => raw.listen(channel, listener),
      ping: async () => { await raw.query("select 1"); },
      close: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run().catch(() => undefined); // what went wrong first is what matters
    throw error;
  }
}

/** PGlite answers in microtasks: a thousand awaited inserts would not let one timer or socket have its turn. */
function yieldBetweenQueries(raw: PGlite): void {
  const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
  for (const name of ["query", "exec", "transaction"] as const) {
    const original = (raw[name] as (...args: unknown[]) => Promise<unknown>).bind(raw);
    Object.assign(raw, {
      [name]: async (...args: unknown[]) => {
        const result = await original(...args);
        await breathe();
        return result;
      },
    });
  }
}

function vacuumRegularly(raw: PGlite): () => void {
  const timer = setInterval(() => {
    raw.exec("VACUUM (ANALYZE)").catch((error: unknown) => logger("store").warn({ err: error }, "vacuum failed"));
  }, VACUUM_EVERY_MS).unref();
  return () => clearInterval(timer);
}
