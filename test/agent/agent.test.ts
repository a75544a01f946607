import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eq, sql } from "drizzle-orm";

import { agents, datasets, imageResults, metrics, runModels, runs } from "../../schema/tables/tables.ts";
import { Agent, type AgentOptions } from "../../services/agent/agent.ts";
import { blobPath } from "../../services/common/blob-files.ts";
import { claimRun } from "../../services/store/claims.store.ts";
import type { RunEventRow } from "../../services/store/events.store.ts";
import { RUN_QUEUE } from "../../schema/jobs/run-config.ts";
import { getModel } from "../../services/store/models.store.ts";
import { type Run, getRun, requestCancel } from "../../services/store/runs.store.ts";
import { ended, eventsUntil, inequalityConfig, makeModel, makeRun, trainConfig, typesOf } from "../support/runs.ts";
import { type Scenario, seedOf } from "../support/scenarios.ts";
import { type TestDatabase, openTestDatabase } from "../support/test-db.ts";

const support = (name: string) => fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url));

let t: TestDatabase;
let modelId: string;
before(async () => {
  t = await openTestDatabase();
  modelId = (await makeModel(t.database, t.blobDir)).modelId;
});
after(() => t.close());

/** An agent for the length of `body`. */
async function withAgent(options: Partial<AgentOptions>, body: (agent: Agent) => Promise<void>): Promise<void> {
  const agent = new Agent({ database: t.database, blobDir: t.blobDir, runnerPath: support("fake-runner"), flushMs: 5, ...options });
  await agent.start();
  try {
    await body(agent);
  } finally {
    await agent.stop();
  }
}

const train = (scenario: Scenario) => makeRun(t.database, trainConfig(scenario), seedOf(scenario));
const measure = (scenario: Scenario) => makeRun(t.database, inequalityConfig(modelId), seedOf(scenario));
const run = (id: string) => getRun(t.database.db, id);
const payloads = <T>(events: readonly RunEventRow[], type: string) => events.filter((e) => e.type === type).map((e) => e.payload as T);
const notes = (events: readonly RunEventRow[]) => payloads<{ message: string }>(events, "NOTE").map((n) => n.message);
const runnersOf = (events: readonly RunEventRow[]) => notes(events).flatMap((n) => /^runner (\d+)$/.exec(n)?.[1] ?? []);
const valuesOf = (id: string) => t.database.db.select().from(imageResults).where(eq(imageResults.runId, id));

function assertGapless(events: readonly RunEventRow[], row: Run): void {
  assert.deepEqual(events.map((e) => e.seq), Array.from({ length: row.lastSeq }, (_, i) => i + 1));
}

describe("an agent", () => {
  it("trains: events in order, metrics, and a model with its weights, from one warm runner", async () => {
    await withAgent({}, async (agent) => {
      const [first, second] = [await train("succeed"), await train("succeed")];
      const [events, more] = [await ended(t.database, first.id), await ended(t.database, second.id)];
      assert.deepEqual(typesOf(events).filter((type) => type !== "PROGRESS" && type !== "METRICS"), ["QUEUED", "ATTEMPT_STARTED", "NOTE", "SUCCEEDED"]);
      assert.ok(events.some((e) => e.type === "PROGRESS") && events.some((e) => e.type === "METRICS"));
      const row = await run(first.id);
      assertGapless(events, row);
      assert.deepEqual([row.status, row.attempt, row.failures, row.environment?.adapter, row.agentId], ["succeeded", 1, 0, "fake", agent.id]);
      assert.deepEqual(row.kernelVariants, { "forward 1×1 4→4": ["fake"] });
      const product = payloads<{ modelId: string }>(events, "SUCCEEDED")[0]!.modelId;
      const model = await getModel(t.database.db, product);
      assert.deepEqual([model.name, model.trainingRunId, readFileSync(blobPath(t.blobDir, model.weightsSha256!), "utf8")], ["succeed", first.id, "weights of succeed 0"]);
      assert.deepEqual((await t.database.db.select().from(runModels).where(eq(runModels.modelId, product))).map((r) => [r.runId, r.role]), [[first.id, "product"]]);
      assert.equal((await t.database.db.select().from(metrics).where(eq(metrics.runId, first.id))).length, 1);
      assert.deepEqual(runnersOf(events), runnersOf(more));
      assert.deepEqual((await t.database.db.select().from(datasets)).map((d) => d.name), ["mnist-digits"]);
      const [me] = await t.database.db.select().from(agents);
      assert.deepEqual([me!.id, me!.environment?.measuredGflops], [agent.id, 1]);
    });
    assert.deepEqual(await t.database.db.select().from(agents), [], "a stopped agent removes its row");
  });

  it("shares the queue with another: every run is done once", async () => {
    await withAgent({ onlyAgent: false }, (first) => withAgent({ onlyAgent: false }, async (second) => {
      const made = await Promise.all(Array.from({ length: 6 }, () => measure("succeed")));
      await Promise.all(made.map(({ id }) => ended(t.database, id)));
      const rows = await Promise.all(made.map(({ id }) => run(id)));
      assert.ok(rows.every((row) => row.status === "succeeded" && row.attempt === 1 && [first.id, second.id].includes(row.agentId!)));
    }));
  });

  it("passes a failure on, without trying again, and keeps its runner for the next run", async () => {
    await withAgent({}, async () => {
      const [failing, next] = [await train("fail"), await measure("succeed")];
      const [events, after] = [await ended(t.database, failing.id), await ended(t.database, next.id)];
      const { status, errorCode, errorMessage, errorDetails, attempt } = await run(failing.id);
      assert.deepEqual([status, errorCode, errorMessage, errorDetails, attempt], ["failed", "DIVERGED", "loss is NaN", { epoch: 1 }, 1]);
      assert.equal((await run(next.id)).status, "succeeded");
      assert.deepEqual(runnersOf(events), runnersOf(after));
    });
  });
});

describe("a runner that is killed with SIGKILL", () => {
  it("is replaced, and training goes on from its checkpoint", async () => {
    await withAgent({}, async () => {
      const { id } = await train("die-once");
      const events = await ended(t.database, id);
      const row = await run(id);
      assertGapless(events, row);
      assert.deepEqual([row.status, row.attempt, row.failures], ["succeeded", 2, 1]);
      const [failed] = payloads<{ attempt: number; code: string; message: string }>(events, "ATTEMPT_FAILED");
      assert.deepEqual([failed!.attempt, failed!.code], [1, "RUNNER_DIED"]);
      assert.match(failed!.message, /SIGKILL/);
      assert.deepEqual(payloads(events, "ATTEMPT_STARTED"), [
        { attempt: 1, resumedFrom: null, reason: null }, { attempt: 2, resumedFrom: 2, reason: failed!.message },
      ]);
      assert.ok(notes(events).some((n) => /^resumed from 2 with [0-9a-f]{64}$/.test(n)));
      assert.equal(new Set(runnersOf(events)).size, 2);
    });
  });

  it("is replaced, and anything else starts anew with its partial results cleared", async () => {
    await withAgent({}, async () => {
      const { id } = await measure("die-once");
      const events = await ended(t.database, id);
      assert.deepEqual(payloads<{ images: number }>(events, "RESULTS").map((r) => r.images), [7, 1]);
      assert.equal((await valuesOf(id)).length, 1);
      assert.equal(payloads<{ resumedFrom: number | null }>(events, "ATTEMPT_STARTED")[1]!.resumedFrom, null);
      assert.deepEqual((await t.database.db.select().from(metrics).where(eq(metrics.runId, id))).map((m) => m.step), [2]);
    });
  });

  for (const [scenario, cause] of [["die-always", /SIGKILL/], ["exit-always", /exit code 3/]] as const) {
    it(`(${scenario}) fails the run after three attempts with the cause, and the next run works`, async () => {
      await withAgent({}, async () => {
        const { id } = await train(scenario);
        const events = await ended(t.database, id);
        const row = await run(id);
        assert.deepEqual([row.status, row.errorCode, row.attempt, row.failures], ["failed", "ATTEMPTS_EXHAUSTED", 3, 3]);
        const { cause: details } = row.errorDetails as { cause: { code: string; message: string } };
        assert.equal(details.code, "RUNNER_DIED");
        assert.match(details.message, cause);
        assert.equal(typesOf(events).filter((type) => type === "ATTEMPT_FAILED").length, 3);
        assert.equal(new Set(runnersOf(events)).size, 3);
        await ended(t.database, (await measure("succeed")).id);
      });
    });
  }
});

describe("a runner that misbehaves costs an attempt, not the agent:", () => {
  for (const [scenario, message] of [
    ["not-json", /not JSON/], ["not-protocol", /series/], ["other-run", /about run 00000000/], ["missing-blob", /no file/], ["unknown-model", /foreign key/],
  ] as const) {
    it(scenario, async () => {
      await withAgent({}, async () => {
        const { id } = await measure(scenario);
        const events = await ended(t.database, id);
        const failed = payloads<{ code: string; message: string }>(events, "ATTEMPT_FAILED");
        assert.deepEqual([failed.length, failed[0]!.code], [1, "RUNNER_DIED"]);
        assert.match(failed[0]!.message, message);
        assert.equal((await run(id)).status, "succeeded");
        assert.equal(new Set(runnersOf(events)).size, 2);
        assert.equal((await valuesOf(id)).length, 1);
      });
    });
  }

  it("device-lost is tried again on a new runner", async () => {
    await withAgent({}, async () => {
      const { id } = await train("device-lost");
      const events = await ended(t.database, id);
      assert.deepEqual(payloads(events, "ATTEMPT_FAILED"), [{ attempt: 1, code: "DEVICE_LOST", message: "the driver went away" }]);
      assert.equal(new Set(runnersOf(events)).size, 2);
      assert.equal((await run(id)).status, "succeeded");
    });
  });
});

describe("cancelling", () => {
  const begun = (events: readonly RunEventRow[]) => events.some((e) => e.type === "PROGRESS");

  it("stops a running run through its runner, which stays for the next", async () => {
    await withAgent({}, async () => {
      const { id } = await train("hang");
      await eventsUntil(t.database, id, begun);
      await requestCancel(t.database, id);
      const events = await ended(t.database, id);
      assert.deepEqual(typesOf(events).slice(-2), ["CANCEL_REQUESTED", "CANCELLED"]);
      const next = await ended(t.database, (await measure("succeed")).id);
      assert.deepEqual(runnersOf(next), runnersOf(events));
    });
  });

  it("kills a runner that does not answer", async () => {
    await withAgent({ cancelGraceMs: 20 }, async () => {
      const { id } = await train("ignore-cancel");
      await eventsUntil(t.database, id, begun);
      await requestCancel(t.database, id);
      const events = await ended(t.database, id);
      assert.equal(typesOf(events).at(-1), "CANCELLED");
      assert.deepEqual(payloads(events, "ATTEMPT_FAILED"), []);
      assert.notDeepEqual(runnersOf(await ended(t.database, (await measure("succeed")).id)), runnersOf(events));
    });
  });

  it("keeps a queued run from ever starting", async () => {
    const { id } = await train("succeed");
    await requestCancel(t.database, id);
    await withAgent({}, async () => {
      await ended(t.database, (await measure("succeed")).id);
      assert.deepEqual([(await run(id)).status, (await run(id)).attempt], ["cancelled", 0]);
    });
  });
});

describe("an agent that stops", () => {
  it("gives its run back; the next agent goes on from the checkpoint, and no attempt is held against the run", async () => {
    const { id } = await train("partial-then-hang");
    await withAgent({}, async () => { await eventsUntil(t.database, id, (events) => events.some((e) => e.type === "CHECKPOINT")); });
    const between = await run(id);
    assert.deepEqual([between.status, between.attempt, between.failures], ["queued", 1, 0]);
    await withAgent({}, async () => {
      const events = await ended(t.database, id);
      assert.deepEqual(payloads(events, "ATTEMPT_FAILED"), [{ attempt: 1, code: "AGENT_STOPPED", message: "agent stopped" }]);
      assert.deepEqual(payloads(events, "ATTEMPT_STARTED")[1], { attempt: 2, resumedFrom: 2, reason: "agent stopped" });
      assert.equal((await run(id)).status, "succeeded");
    });
  });

  it("leaves a cancelled run cancelled", async () => {
    const { id } = await train("ignore-cancel");
    await withAgent({}, async () => {
      await eventsUntil(t.database, id, (events) => events.some((e) => e.type === "PROGRESS"));
      await requestCancel(t.database, id);
    });
    assert.equal((await run(id)).status, "cancelled");
  });
});

describe("an agent that starts", () => {
  it("sends queued runs again whose job was lost, and takes over those of an agent that is no more", async () => {
    const [lost, orphan] = [await train("succeed"), await train("succeed")];
    await claimRun(t.database, orphan.id, { agentId: "00000000-0000-4000-8000-00000000dead", environment: null, blobDir: t.blobDir });
    await t.database.boss.deleteAllJobs(RUN_QUEUE);
    await withAgent({}, async () => {
      await ended(t.database, lost.id);
      const events = await ended(t.database, orphan.id);
      assert.deepEqual(payloads(events, "ATTEMPT_FAILED"), [{ attempt: 1, code: "AGENT_DIED", message: "agent died" }]);
      assert.deepEqual([(await run(lost.id)).status, (await run(orphan.id)).status], ["succeeded", "succeeded"]);
    });
  });

  it("takes over a run whose job the queue gives it because the claim of another has lapsed", async () => {
    const { id } = await train("succeed");
    const [job] = await t.database.boss.fetch(RUN_QUEUE);
    assert.ok(job, "the job of the run");
    await claimRun(t.database, id, { agentId: "00000000-0000-4000-8000-00000000dead", environment: null, blobDir: t.blobDir });
    await t.database.db.execute(sql`update pgboss.job set heartbeat_on = now() - interval '1 hour' where id = ${job.id}`);
    await withAgent({ onlyAgent: false }, async () => {
      assert.equal((await run(id)).status, "running", "its job is still the other's");
      await t.database.db.execute(sql`update pgboss.queue set monitor_on = null`);
      await t.database.boss.supervise(RUN_QUEUE);
      const events = await ended(t.database, id);
      assert.deepEqual(payloads<{ code: string }>(events, "ATTEMPT_FAILED").map((f) => f.code), ["AGENT_DIED"]);
      assert.equal((await run(id)).status, "succeeded");
    });
  });

  it("without a device fails runs with the reason when it is alone, and says so in its row", async () => {
    await withAgent({ runnerPath: support("fake-runner-no-device"), onlyAgent: true }, async () => {
      const { id } = await train("succeed");
      await ended(t.database, id);
      const { status, errorCode, errorMessage, attempt } = await run(id);
      assert.deepEqual([status, errorCode, errorMessage, attempt], ["failed", "NO_ADAPTER", "nothing here", 1]);
      const [me] = await t.database.db.select().from(agents);
      assert.deepEqual([me!.message, me!.environment], ["nothing here", null]);
    });
  });

  it("with a runner that cannot even be loaded fails the run with what it printed", async () => {
    await withAgent({ runnerPath: support("no-such-runner"), onlyAgent: true }, async () => {
      const { id } = await train("succeed");
      await ended(t.database, id);
      const { errorCode, errorDetails } = await run(id);
      assert.equal(errorCode, "ATTEMPTS_EXHAUSTED");
      assert.match(JSON.stringify(errorDetails), /no-such-runner/);
    });
  });
});

it("npm run agent without DATABASE_URL says where the embedded agent runs", async () => {
  const env = { ...process.env, DATABASE_URL: "", LORENZ_LOG_LEVEL: "info" };
  const child = spawn(process.execPath, ["--import", "tsx", fileURLToPath(new URL("../../services/agent/main.ts", import.meta.url))], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => { said += chunk.toString(); });
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 1);
  assert.match(said, /CONFIG_INVALID/);
  assert.match(said, /npm start/);
});

it("leaves no run unfinished in this file", async () => {
  assert.deepEqual(await t.database.db.select({ id: runs.id }).from(runs).where(sql`${runs.status} in ('queued', 'running')`), []);
});
