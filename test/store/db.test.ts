import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sql } from "drizzle-orm";

import { datasets } from "../../schema/tables/tables.ts";
import { newId } from "../../services/common/ids.ts";
import { AGENT_DEAD_AFTER_SECONDS, isAgentAlive, registerAgent, removeAgent, updateAgent } from "../../services/store/agents.store.ts";
import { saveDatasets } from "../../services/store/datasets.store.ts";
import { openDatabase } from "../../services/store/db.ts";
import { notify } from "../../services/store/notify.ts";
import { getRun } from "../../services/store/runs.store.ts";
import type { DatasetInfo } from "../../schema/jobs/dataset.ts";
import { makeRun, trainConfig } from "../support/runs.ts";
import { TEST_DATABASE_URL, type TestDatabase, openTestDatabase } from "../support/test-db.ts";

let t: TestDatabase;
before(async () => { t = await openTestDatabase(); });
after(() => t.close());

/** The next payload. */
function heard(channel: "runs_changed" | "run_cancel"): Promise<{ next: Promise<string | null>; stop: () => Promise<void> }> {
  let hear!: (payload: string | null) => void;
  const next = new Promise<string | null>((resolve) => { hear = resolve; });
  return t.database.listen(channel, (payload) => hear(payload)).then((stop) => ({ next, stop }));
}

describe("listen", () => {
  it("hears what is committed, not what is rolled back, and nothing after its end", async () => {
    const { next, stop } = await heard("runs_changed");
    await assert.rejects(t.database.db.transaction(async (tx) => {
      await notify(tx, "runs_changed", "never");
      throw new Error("rolled back");
    }));
    await notify(t.database.db, "runs_changed", "first");
    assert.equal(await next, "first");
    await stop();
    let late = 0;
    const stopLate = await t.database.listen("runs_changed", () => { late++; });
    await stopLate();
    const other = await heard("runs_changed");
    await notify(t.database.db, "runs_changed", "second");
    assert.equal(await other.next, "second");
    assert.equal(late, 0);
    await other.stop();
  });

  it("says null after its connection was cut and goes on", { skip: TEST_DATABASE_URL ? false : "DATABASE_URL is not set: PGlite has no connection to cut" }, async () => {
    const { next } = await heard("run_cancel");
    await t.database.db.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lorenz-listen' and datname = current_database()`);
    assert.equal(await next, null);
    const again = await heard("run_cancel");
    await notify(t.database.db, "run_cancel", "after");
    assert.equal(await again.next, "after");
  });
});

it("lets timers and sockets have their turn between queries", async () => {
  let turns = 0;
  let counting = true;
  const count = () => { turns++; if (counting) setImmediate(count); };
  setImmediate(count);
  for (let i = 0; i < 50; i++) await t.database.db.execute(sql`select 1`);
  counting = false;
  assert.ok(turns >= 50, `${turns} turns in 50 queries`);
});

it("keeps a 64-bit seed, milliseconds and a null as they are", async () => {
  const { id } = await makeRun(t.database, trainConfig(), "18446744073709551615");
  const run = await getRun(t.database.db, id);
  assert.equal(run.seed, "18446744073709551615");
  assert.ok(run.createdAt instanceof Date && run.startedAt === null);
});

it("refuses a server that does not answer, without showing the password", async () => {
  await assert.rejects(openDatabase({ dataDir: t.dataDir, databaseUrl: "postgres://me:hidden@127.0.0.1:1/none" }), (error: Error & { code: string }) => error.code === "CONFIG_INVALID" && !error.message.includes("hidden"));
});

describe("agents", () => {
  it("count as dead after three missed beats", async () => {
    const id = newId();
    await registerAgent(t.database.db, id, false);
    assert.ok(await isAgentAlive(t.database.db, id));
    await t.database.db.execute(sql`update agents set seen_at = now() - make_interval(secs => ${AGENT_DEAD_AFTER_SECONDS + 1}) where id = ${id}`);
    assert.ok(!await isAgentAlive(t.database.db, id));
    await updateAgent(t.database.db, id);
    assert.ok(await isAgentAlive(t.database.db, id));
    await removeAgent(t.database.db, id);
    assert.ok(!await isAgentAlive(t.database.db, id));
  });

  it("that are alone clear away those before them; among several they leave the living", async () => {
    const [old, other, only] = [newId(), newId(), newId()];
    await registerAgent(t.database.db, old, false);
    await registerAgent(t.database.db, other, false);
    assert.ok(await isAgentAlive(t.database.db, old));
    await registerAgent(t.database.db, only, true);
    assert.deepEqual([await isAgentAlive(t.database.db, old), await isAgentAlive(t.database.db, only)], [false, true]);
  });
});

describe("data sets", () => {
  const info = (available: boolean): DatasetInfo => ({
    name: "cifar10", title: "CIFAR-10", available, reason: available ? null : "not there", contentHash: available ? "ab" : null, trainCount: 1, testCount: 1,
    inputShape: [3, 32, 32], classes: ["cat", "dog, \"quoted\""], mean: [0.5], std: [0.25], licence: "-", source: "-",
  });
  const stored = async () => (await t.database.db.select().from(datasets))[0]!;

  it("that one agent has are not taken away by another that lacks them, but by the only agent", async () => {
    await saveDatasets(t.database.db, [info(false)], false);
    assert.equal((await stored()).reason, "not there");
    await saveDatasets(t.database.db, [info(true)], false);
    await saveDatasets(t.database.db, [info(false)], false);
    const row = await stored();
    assert.deepEqual([row.available, row.reason, row.classes, row.inputShape, row.normalisation], [true, null, info(true).classes, [3, 32, 32], { mean: [0.5], std: [0.25] }]);
    await saveDatasets(t.database.db, [info(false)], true);
    assert.equal((await stored()).available, false);
  });
});
