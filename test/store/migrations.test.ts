import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { getTableConfig } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";

import * as tables from "../../schema/tables/tables.ts";
import { lockDirectory } from "../../services/common/lock.ts";
import { migrationsFolder } from "../../services/common/paths.ts";
import { openDatabase } from "../../services/store/db.ts";
import { readJournal } from "../../services/store/migrate.ts";
import { type TestDatabase, openTestDatabase } from "../support/test-db.ts";

let t: TestDatabase;
before(async () => { t = await openTestDatabase(); });
after(() => t.close());

describe("the journal", () => {
  const entries = readJournal();

  it("rises strictly in `when`: Drizzle skips an older migration without a word", () => {
    for (let i = 1; i < entries.length; i++) assert.ok(entries[i]!.when > entries[i - 1]!.when, `${entries[i]!.tag} is not after ${entries[i - 1]!.tag}`);
  });

  it("names exactly the files of the folder, numbered without a gap", () => {
    const files = readdirSync(migrationsFolder()).filter((f) => f.endsWith(".sql")).sort();
    assert.deepEqual(files, entries.map(({ tag }) => `${tag}.sql`));
    files.forEach((file, i) => assert.match(file, new RegExp(`^${String(i).padStart(4, "0")}_[a-z]+(_[a-z]+)+\\.sql$`)));
    for (let i = 0; i < files.length; i++) assert.ok(existsSync(join(migrationsFolder(), `meta/${String(i).padStart(4, "0")}_snapshot.json`)));
  });
});

describe("the migrated database", () => {
  it("has exactly the columns that schema/tables declares", async () => {
    const columns = sql<string>`column_name`.as("column");
    const rows = await t.database.db.select({ table: sql<string>`table_name`.as("table"), columns }).from(sql`information_schema.columns`).where(sql`table_schema = 'public'`);
    const actual = rows.map((r) => `${r.table}.${r.columns}`).sort();
    const declared = Object.values(tables).flatMap((table) => { const { name, columns } = getTableConfig(table); return columns.map((c) => `${name}.${c.name}`); }).sort();
    assert.deepEqual(actual, declared);
  });

  it("has an index that begins with each foreign key, for deletes", () => {
    for (const table of Object.values(tables)) {
      const { name, foreignKeys, indexes, primaryKeys } = getTableConfig(table);
      const first = [...indexes.map((i) => (i.config.columns[0] as { name: string }).name), ...primaryKeys.map((k) => k.columns[0]!.name)];
      for (const key of foreignKeys) assert.ok(first.includes(key.reference().columns[0]!.name), `${name}.${key.reference().columns[0]!.name} has no index`);
    }
  });

  it("is opened again without a change", async () => {
    const again = await openAgain();
    const count = await again.database.db.select({ n: sql<number>`count(*)::int` }).from(sql`drizzle.__drizzle_migrations`);
    assert.equal(count[0]!.n, readJournal().length);
    await again.close();
  });

  it("is refused when it holds a migration of another build", async () => {
    await t.database.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('of the future', 99999999999999)`);
    await assert.rejects(openAgain(), { code: "CONFIG_INVALID" });
    if (!t.databaseUrl) lockDirectory(t.dataDir).release(); // what could not be opened is not left locked
  });
});

/** PGlite is one per directory, so it is closed first. */
async function openAgain(): Promise<{ database: TestDatabase["database"]; close(): Promise<void> }> {
  if (t.databaseUrl) {
    const database = await openDatabase({ dataDir: t.dataDir, databaseUrl: t.databaseUrl });
    return { database, close: () => database.close() };
  }
  await t.database.close();
  Object.assign(t, { database: await openDatabase({ dataDir: t.dataDir }) });
  return { database: t.database, close: () => Promise.resolve() };
}
