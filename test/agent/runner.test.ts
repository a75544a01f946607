import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { Runner } from "../../services/agent/runner.ts";
import { type RunnerDeath, RunnerProcess } from "../../services/agent/runner-process.ts";

const support = (name: string) => fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url));
const deaths: RunnerDeath[] = [];
const callbacks = { message: () => undefined, died: (death: RunnerDeath) => { deaths.push(death); }, environment: () => undefined, datasets: () => undefined };

let runner: Runner | undefined;
afterEach(async () => { await runner?.stop(); runner = undefined; });

describe("Runner", () => {
  it("keeps one process while it lives, and never hands out one that was just killed", async () => {
    runner = new Runner(support("fake-runner"), callbacks);
    assert.deepEqual(await runner.describe(), { ok: true });
    const first = runner.process;
    assert.deepEqual(await runner.describe(), { ok: true });
    assert.equal(runner.process, first);
    first.kill();
    assert.ok(!first.isAlive);
    assert.deepEqual(await runner.describe(), { ok: true });
    assert.notEqual(runner.process, first);
    assert.match((await first.dead).message, /SIGKILL/);
    assert.deepEqual(deaths, [], "the death of a process that was replaced is nobody's business");
  });

  it("says why there is no device", async () => {
    runner = new Runner(support("fake-runner-no-device"), callbacks);
    assert.deepEqual(await runner.describe(), { ok: false, code: "NO_ADAPTER", message: "nothing here", details: {} });
  });

  it("says how a runner ended that never answered, with what it printed", async () => {
    runner = new Runner(support("no-such-runner"), callbacks);
    const readiness = await runner.describe();
    assert.ok(!readiness.ok && readiness.code === "RUNNER_DIED");
    assert.match(readiness.message, /exit code 1/);
    assert.match(String(readiness.details.output), /no-such-runner/);
  });
});

describe("RunnerProcess", () => {
  it("lets a runner that obeys end by itself", async () => {
    const process = new RunnerProcess(support("fake-runner"), { message: () => { void process.stop(); }, died: () => undefined });
    process.send({ type: "describe", measure: false });
    assert.deepEqual((await process.dead).details, { exitCode: 0, signal: null, output: "" });
  });
});
