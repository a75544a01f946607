import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eq, sql } from "drizzle-orm";

import { runModels, runs } from "../../schema/tables/tables.ts";
import { newId } from "../../services/common/ids.ts";
import { registerAgent } from "../../services/store/agents.store.ts";
import { type Claim, ClaimLostError, cancelClaimed, claimRun, failAttempt, failRun, finishRun, interruptRun, recordCheckpoint, recordKernelVariants, recordProgress, recordResults } from "../../services/store/claims.store.ts";
import { appendEvents, readEvents } from "../../services/store/events.store.ts";
import { requestHash } from "../../services/store/request-hash.ts";
import { changeStatus, createRun, getRun, requestCancel } from "../../services/store/runs.store.ts";
import { resultsSchema } from "../../schema/jobs/results.ts";
import { inequalityConfig, makeModel, makeRun, trainConfig, trainedModel, typesOf } from "../support/runs.ts";
import { type TestDatabase, openTestDatabase } from "../support/test-db.ts";

let t: TestDatabase;
before(async () => { t = await openTestDatabase(); });
after(() => t.close());

async function jobsOf(runId: string): Promise<string[]> {
  const rows = await t.database.db.select({ state: sql<string>`state::text` }).from(sql`pgboss.job`).where(sql`singleton_key = ${runId}`);
  return rows.map((r) => r.state);
}

async function claim(runId: string, agentId = newId()): Promise<Claim> {
  const result = await claimRun(t.database, runId, { agentId, environment: null, blobDir: t.blobDir });
  assert.equal(result.outcome, "claimed");
  return (result as { claim: Claim }).claim;
}

const failure = { code: "RUNNER_DIED", message: "gone", details: { exitCode: 1 } };

describe("createRun", () => {
  it("stores the run, its first event and its job", async () => {
    const run = await makeRun(t.database, trainConfig(), "18446744073709551615");
    assert.deepEqual(await getRun(t.database.db, run.id), run);
    assert.equal(run.seed, "18446744073709551615");
    assert.deepEqual([run.status, run.attempt, run.lastSeq], ["queued", 0, 1]);
    assert.deepEqual(typesOf(await readEvents(t.database.db, run.id, 0, 10)), ["QUEUED"]);
    assert.deepEqual(await jobsOf(run.id), ["created"]);
  });

  it("stores nothing at all when a part fails: no run without a job, no job without a run", async () => {
    const before = await t.database.db.select({ n: sql<number>`count(*)::int` }).from(sql`pgboss.job`);
    const unknown = newId();
    await assert.rejects(makeRun(t.database, inequalityConfig(unknown)), { code: "NOT_FOUND", details: { modelId: unknown } });
    assert.deepEqual(await t.database.db.select({ n: sql<number>`count(*)::int` }).from(sql`pgboss.job`), before);
    assert.deepEqual(await t.database.db.select().from(runs).where(eq(runs.kind, "inequality")), []);
  });

  it("names the models a run reads, in order", async () => {
    const [a, b] = [await makeModel(t.database, t.blobDir), await makeModel(t.database, t.blobDir)];
    const run = await makeRun(t.database, { ...inequalityConfig(a.modelId), kind: "audit", models: [b.modelId, a.modelId], sampleSize: 1, attacks: [], keepExamples: 0 } as never);
    const rows = await t.database.db.select().from(runModels).where(eq(runModels.runId, run.id)).orderBy(runModels.position);
    assert.deepEqual(rows.map((r) => [r.modelId, r.role]), [[b.modelId, "subject"], [a.modelId, "subject"]]);
  });

  it("returns the first run for the same key and request, and refuses the key for another", async () => {
    const key = newId();
    const first = await makeRun(t.database, trainConfig("x"), "1", key);
    assert.equal((await makeRun(t.database, trainConfig("x"), "1", key)).id, first.id);
    await assert.rejects(makeRun(t.database, trainConfig("y"), "1", key), { code: "CONFLICT" });
    await assert.rejects(makeRun(t.database, trainConfig("x"), "2", key), { code: "CONFLICT" });
  });

  it("makes one run and one job of twenty requests with one key at once", async () => {
    const config = trainConfig("race");
    const made = await Promise.all(Array.from({ length: 20 }, () => createRun(t.database, { config, seed: "1", requestHash: requestHash(config, null), idempotencyKey: "race" })));
    assert.equal(new Set(made.map((m) => m.run.id)).size, 1);
    assert.equal(made.filter((m) => m.created).length, 1);
    assert.deepEqual(await jobsOf(made[0]!.run.id), ["created"]);
  });

  it("hashes a request by value, not by the order of its keys", () => {
    const config = trainConfig();
    assert.equal(requestHash(config, null), requestHash(Object.fromEntries(Object.entries(config).reverse()) as typeof config, null));
    assert.notEqual(requestHash(config, null), requestHash(config, "1"));
  });
});

describe("events", () => {
  it("are numbered without a gap under twenty writers at once, some of which roll back", async () => {
    const run = await makeRun(t.database, trainConfig());
    const note = (message: string) => ({ type: "NOTE" as const, payload: { message } });
    const writers = Array.from({ length: 20 }, (_, i) => t.database.db.transaction(async (tx) => {
      await appendEvents(tx, run.id, 1, [note(`${i}a`), note(`${i}b`)]);
      if (i % 4 === 0) throw new Error("rolled back");
    }));
    const settled = await Promise.allSettled(writers);
    assert.equal(settled.filter((s) => s.status === "fulfilled").length, 15);
    const events = await readEvents(t.database.db, run.id, 0, 1000);
    assert.deepEqual(events.map((e) => e.seq), Array.from({ length: 31 }, (_, i) => i + 1));
    assert.equal((await getRun(t.database.db, run.id)).lastSeq, 31);
    for (let i = 1; i < 31; i += 2) assert.equal((events[i]!.payload as { message: string }).message.slice(0, -1), (events[i + 1]!.payload as { message: string }).message.slice(0, -1), "a batch was torn apart");
  });

  it("are read in pages after a cursor, and wake up listeners with run and number", async () => {
    const run = await makeRun(t.database, trainConfig());
    let hear!: (payload: string) => void;
    const heard = new Promise<string>((resolve) => { hear = resolve; });
    await t.database.listen("run_events", (payload) => { if (payload?.startsWith(run.id)) hear(payload); });
    await t.database.db.transaction((tx) => appendEvents(tx, run.id, 1, [1, 2, 3].map((i) => ({ type: "NOTE" as const, payload: { message: String(i) } }))));
    assert.equal(await heard, `${run.id}:4`);
    assert.deepEqual((await readEvents(t.database.db, run.id, 1, 2)).map((e) => e.seq), [2, 3]);
    assert.deepEqual(await readEvents(t.database.db, run.id, 4, 2), []);
  });

  it("of no run are refused", async () => {
    await assert.rejects(t.database.db.transaction((tx) => appendEvents(tx, newId(), 1, [])), { code: "NOT_FOUND" });
  });
});

describe("status", () => {
  const endings = {
    succeeded: async (c: Claim) => finishRun(t.database, c, t.blobDir, { model: await trainedModel(t.blobDir, newId()) }),
    failed: (c: Claim) => failRun(t.database, c, t.blobDir, { code: "DIVERGED", message: "NaN", details: { epoch: 2 } }),
    cancelled: (c: Claim) => cancelClaimed(t.database, c, t.blobDir),
  };
  const writes: Record<string, (c: Claim) => Promise<unknown>> = {
    ...endings,
    "attempt failed": (c) => failAttempt(t.database, c, t.blobDir, failure),
    interrupted: (c) => interruptRun(t.database, c, t.blobDir),
    progress: (c) => recordProgress(t.database, c, { notes: ["late"] }),
    results: (c) => recordResults(t.database, c, t.blobDir, resultsSchema.parse({})),
    "kernel variants": (c) => recordKernelVariants(t.database, c, { a: ["b"] }),
    checkpoint: async (c) => recordCheckpoint(t.database, c, t.blobDir, 1, (await trainedModel(t.blobDir, "c")).weights),
  };

  for (const [status, end] of Object.entries(endings)) {
    it(`${status} is final: nothing changes the run or adds an event`, async () => {
      const run = await makeRun(t.database, trainConfig());
      const c = await claim(run.id);
      await end(c);
      const [final, events] = [await getRun(t.database.db, run.id), await readEvents(t.database.db, run.id, 0, 100)];
      assert.equal(final.status, status);
      assert.ok(final.finishedAt && final.startedAt);
      assert.equal(events.at(-1)!.type, status.toUpperCase());
      for (const [name, write] of Object.entries(writes)) await assert.rejects(write(c), ClaimLostError, name);
      for (const to of ["queued", "running", "succeeded", "failed", "cancelled"] as const) {
        await assert.rejects(t.database.db.transaction((tx) => changeStatus(tx, run, ["queued", "running"], { status: to })), { code: "CONFLICT" });
      }
      assert.equal((await claimRun(t.database, run.id, { agentId: newId(), environment: null, blobDir: t.blobDir })).outcome, "ended");
      if (status === "cancelled") await requestCancel(t.database, run.id);
      else await assert.rejects(requestCancel(t.database, run.id), { code: "CONFLICT" });
      assert.deepEqual(await getRun(t.database.db, run.id), final);
      assert.deepEqual(await readEvents(t.database.db, run.id, 0, 100), events);
    });
  }

  it("of a failed run keeps code, message and details", async () => {
    const run = await makeRun(t.database, trainConfig());
    await endings.failed(await claim(run.id));
    const { errorCode, errorMessage, errorDetails } = await getRun(t.database.db, run.id);
    assert.deepEqual([errorCode, errorMessage, errorDetails], ["DIVERGED", "NaN", { epoch: 2 }]);
  });

  it("queued admits no write of an attempt", async () => {
    const run = await makeRun(t.database, trainConfig());
    for (const [name, write] of Object.entries(writes)) await assert.rejects(write({ runId: run.id, attempt: 0 }), ClaimLostError, name);
  });

  it("is refused by the database itself when it is none", async () => {
    const run = await makeRun(t.database, trainConfig());
    await assert.rejects(t.database.db.update(runs).set({ status: "paused" as never }).where(eq(runs.id, run.id)), (error: Error) => (error.cause as { code: string }).code === "23514");
  });
});

describe("claimRun", () => {
  it("takes a queued run once: while its agent lives, another is told to wait", async () => {
    const run = await makeRun(t.database, trainConfig());
    const owner = newId();
    await registerAgent(t.database.db, owner, false);
    const c = await claim(run.id, owner);
    assert.equal((await claimRun(t.database, run.id, { agentId: newId(), environment: null, blobDir: t.blobDir })).outcome, "taken");
    await t.database.db.execute(sql`update agents set seen_at = now() - interval '1 hour' where id = ${owner}`);
    const second = await claim(run.id);
    assert.equal(second.attempt, 2);
    await assert.rejects(recordProgress(t.database, c, { notes: ["from the grave"] }), ClaimLostError);
    const events = await readEvents(t.database.db, run.id, 0, 100);
    assert.deepEqual(events.slice(2).map((e) => [e.type, e.attempt, e.payload]), [
      ["ATTEMPT_FAILED", 1, { attempt: 1, code: "AGENT_DIED", message: "agent died" }],
      ["ATTEMPT_STARTED", 2, { attempt: 2, resumedFrom: null, reason: "agent died" }],
    ]);
    assert.equal((await getRun(t.database.db, run.id)).failures, 0, "an agent's death is not the run's fault");
  });

  it("gives one of ten claimants at once the run", async () => {
    const run = await makeRun(t.database, trainConfig());
    const results = await Promise.all(Array.from({ length: 10 }, async () => {
      const agentId = newId();
      await registerAgent(t.database.db, agentId, false);
      return claimRun(t.database, run.id, { agentId, environment: null, blobDir: t.blobDir });
    }));
    assert.deepEqual(results.map((r) => r.outcome).toSorted(), ["claimed", ...Array<string>(9).fill("taken")]);
  });

  it("cancels a run whose agent died before it could", async () => {
    const run = await makeRun(t.database, trainConfig());
    await claim(run.id);
    assert.ok((await requestCancel(t.database, run.id)).cancelRequestedAt);
    assert.equal((await claimRun(t.database, run.id, { agentId: newId(), environment: null, blobDir: t.blobDir })).outcome, "ended");
    assert.deepEqual(typesOf(await readEvents(t.database.db, run.id, 2, 10)), ["CANCEL_REQUESTED", "ATTEMPT_FAILED", "CANCELLED"]);
  });
});

describe("requestCancel", () => {
  it("cancels a queued run at once and takes its job away", async () => {
    const run = await makeRun(t.database, trainConfig());
    const cancelled = await requestCancel(t.database, run.id);
    assert.deepEqual([cancelled.status, cancelled.lastSeq], ["cancelled", 3]);
    assert.deepEqual(await jobsOf(run.id), []);
    assert.deepEqual(await requestCancel(t.database, run.id), cancelled);
    await assert.rejects(requestCancel(t.database, newId()), { code: "NOT_FOUND" });
  });

  it("marks a running one once and tells its agent", async () => {
    const run = await makeRun(t.database, trainConfig());
    const c = await claim(run.id);
    const heard = new Promise((resolve) => { void t.database.listen("run_cancel", resolve).then(() => requestCancel(t.database, run.id)); });
    assert.equal(await heard, run.id);
    await requestCancel(t.database, run.id);
    assert.deepEqual(typesOf(await readEvents(t.database.db, run.id, 2, 10)), ["CANCEL_REQUESTED"]);
    assert.equal(await failAttempt(t.database, c, t.blobDir, failure), "ended", "a cancelled run is not tried again");
    assert.equal((await getRun(t.database.db, run.id)).status, "cancelled");
  });
});
