import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

import { Agent } from "../../services/agent/agent.ts";
import { blobFolder } from "../../services/common/blob-files.ts";
import { type Database, openDatabase } from "../../services/store/db.ts";
import { readEvents } from "../../services/store/events.store.ts";
import { getRun } from "../../services/store/runs.store.ts";
import { ended } from "../support/runs.ts";

const support = (name: string) => fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url));

// Always on the embedded database: what a killed server leaves in PostgreSQL is covered by agent.test.ts.
it("kill -9 of the whole embedded server loses nothing: the run goes on from its checkpoint, the queued one is done, the runner is gone", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "lorenz-kill-"));
  const child = spawn(process.execPath, ["--import", "tsx", support("agent-process"), dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), once(child, "exit").then(() => { throw new Error("the server died by itself"); })]) as [string];
  const { running, queued, runnerPid } = JSON.parse(line) as { running: string; queued: string; runnerPid: number };
  child.kill("SIGKILL");
  await once(child, "exit");

  const database = await openDatabase({ dataDir });
  const agent = new Agent({ database, blobDir: blobFolder(dataDir), runnerPath: support("fake-runner") });
  try {
    await recovers(database, agent, { running, queued, runnerPid });
  } finally {
    await agent.stop();
    await database.close();
    rmSync(dataDir, { recursive: true });
  }
});

async function recovers(database: Database, agent: Agent, { running, queued, runnerPid }: { running: string; queued: string; runnerPid: number }): Promise<void> {
  assert.deepEqual([(await getRun(database.db, running)).status, (await getRun(database.db, queued)).status], ["running", "queued"]);
  const before = await readEvents(database.db, running, 0, 1000);
  await agent.start();
  // At once, not when the queue finds out after its heartbeat has lapsed.
  assert.equal((await readEvents(database.db, running, before.length, 1))[0]?.type, "ATTEMPT_FAILED");
  const [events] = [await ended(database, running), await ended(database, queued)];
  assert.deepEqual(events.slice(0, before.length), before, "the past was changed");
  assert.deepEqual(events.map((e) => e.seq), events.map((_, i) => i + 1));
  assert.deepEqual(events.slice(before.length, before.length + 2).map((e) => [e.type, e.payload]), [
    ["ATTEMPT_FAILED", { attempt: 1, code: "AGENT_DIED", message: "agent died" }],
    ["ATTEMPT_STARTED", { attempt: 2, resumedFrom: 2, reason: "agent died" }],
  ]);
  assert.deepEqual([(await getRun(database.db, running)).status, (await getRun(database.db, queued)).status], ["succeeded", "succeeded"]);
  assert.throws(() => process.kill(runnerPid, 0), { code: "ESRCH" }, "the killed server's runner lives on");
}
