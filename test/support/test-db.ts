import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, openAsBlob, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";

import { blobFolder } from "../../services/common/blob-files.ts";
import { findRoot, migrationsFolder } from "../../services/common/paths.ts";
import { type Database, openDatabase } from "../../services/store/db.ts";

/** The PostgreSQL server to test on; undefined: PGlite. */
export const TEST_DATABASE_URL = process.env.DATABASE_URL || undefined;

export interface TestDatabase {
  readonly database: Database;
  readonly dataDir: string;
  readonly blobDir: string;
  /** PostgreSQL: the URL of this database. */
  readonly databaseUrl: string | undefined;
  close(): Promise<void>;
}

/** A database of its own, migrated and with a queue: PGlite in a fresh folder, or a new database on the server of DATABASE_URL. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), "lorenz-test-"));
  const databaseUrl = TEST_DATABASE_URL && await createPostgres(TEST_DATABASE_URL);
  const database = await openDatabase(databaseUrl ? { dataDir, databaseUrl } : { dataDir, image: await embeddedImage() });
  return {
    database, dataDir, blobDir: blobFolder(dataDir), databaseUrl,
    async close() {
      await database.close();
      if (databaseUrl) await dropPostgres(TEST_DATABASE_URL!, databaseUrl);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A fresh PGlite takes seconds to initialise; a dumped one is made once per set of migrations and library versions. */
export async function embeddedImage(): Promise<Blob> {
  const path = join(tmpdir(), `lorenz-test-pg-${imageKey()}.tar`);
  if (!existsSync(path)) await makeImage(path);
  return openAsBlob(path);
}

async function makeImage(path: string): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "lorenz-image-"));
  try {
    await (await openDatabase({ dataDir })).close();
    const raw = await PGlite.create(join(dataDir, "pg"));
    const dump = await raw.dumpDataDir("none");
    await raw.close();
    const temporary = `${path}.${randomBytes(4).toString("hex")}`;
    writeFileSync(temporary, Buffer.from(await dump.arrayBuffer()));
    renameSync(temporary, path); // another test process may be making the same
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function imageKey(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(migrationsFolder()).filter((f) => f.endsWith(".sql")).sort()) hash.update(file).update(readFileSync(join(migrationsFolder(), file)));
  hash.update(readFileSync(join(findRoot(), "services/store/queue.ts")));
  for (const name of ["@electric-sql/pglite", "pg-boss", "drizzle-orm"]) hash.update(readFileSync(join(findRoot(), "node_modules", name, "package.json")));
  return hash.digest("hex").slice(0, 16);
}

async function createPostgres(server: string): Promise<string> {
  const name = `lorenz_test_${randomBytes(6).toString("hex")}`;
  await asAdmin(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function dropPostgres(server: string, databaseUrl: string): Promise<void> {
  await asAdmin(server, `drop database ${new URL(databaseUrl).pathname.slice(1)} with (force)`);
}

async function asAdmin(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
