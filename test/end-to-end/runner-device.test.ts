import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";

import { trainConfigSchema } from "../../schema/jobs/run-config.ts";
import { type RunnerMessage, runnerMessageSchema } from "../../schema/jobs/runner-message.ts";
import { blobFolder } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { EngineError } from "../../services/engine/errors.ts";
import { Gpu } from "../../services/engine/gpu/device.ts";
import { Runner } from "../../services/runner/runner.ts";

// In this process, so that the test can take the device away.
describe("a runner whose device fails", () => {
  let dataDir: string;
  let opened: Gpu[];
  let messages: RunnerMessage[];
  let onMessage: (message: RunnerMessage) => void;
  let runner: Runner;
  before(() => { dataDir = mkdtempSync(join(tmpdir(), "lorenz-device-")); });
  after(() => rmSync(dataDir, { recursive: true }));
  beforeEach(async () => {
    await runner?.close();
    [opened, messages, onMessage] = [[], [], () => undefined];
    runner = new Runner({
      dataDir,
      send: (message) => { messages.push(runnerMessageSchema.parse(message)); onMessage(message); },
      openGpu: async () => { const gpu = await Gpu.open(); opened.push(gpu); return gpu; },
    });
  });
  after(() => runner.close());

  const run = async (epochs: number): Promise<RunnerMessage> => {
    const config = trainConfigSchema.parse({ kind: "train", name: "tiny", dataset: "mnist-digits", architecture: "tiny-cnn", epochs, batchSize: 16, trainCount: 64, evaluation: { count: 16 }, probe: { count: 0 } });
    await runner.handle({ type: "start", runId: newId(), attempt: 1, seed: "1", models: [], blobDir: blobFolder(dataDir), config });
    return messages.at(-1)!;
  };

  it("fails the run with DEVICE_LOST when it goes away, and works on a new one", async () => {
    onMessage = ({ type }) => { if (type === "checkpoint") opened[0]!.device.destroy(); };
    const end = await run(1000);
    assert.deepEqual([end.type, (end as { code?: string }).code], ["failed", "DEVICE_LOST"]);
    onMessage = () => undefined;
    assert.equal((await run(1)).type, "finished");
    assert.equal(opened.length, 2);
    assert.equal((await run(1)).type, "finished");
    assert.equal(opened.length, 2, "a working device is kept");
  });

  it("fails the run with the first fault that Dawn reports, and does not trust the device again", async () => {
    onMessage = ({ type }) => { if (type === "checkpoint") opened[0]!.device.createBuffer({ size: 16, usage: 0xffff }); };
    const end = await run(1000);
    assert.deepEqual([end.type, (end as { code?: string }).code], ["failed", "GPU_FAULT"]);
    assert.equal((await run(1)).type, "finished");
    assert.equal(opened.length, 2);
  });

  it("does not offer a run a device that was lost while nothing ran", async () => {
    assert.equal((await run(1)).type, "finished");
    opened[0]!.device.destroy();
    await opened[0]!.device.lost;
    assert.equal((await run(1)).type, "finished");
    assert.equal(opened.length, 2);
  });

  it("reports the device's fault rather than what came of it", async () => {
    onMessage = ({ type }) => {
      if (type !== "checkpoint") return;
      opened[0]!.fault = new EngineError("DEVICE_LOST", "gone");
      throw new TypeError("a consequence");
    };
    const end = await run(1000);
    assert.deepEqual([end.type, (end as { code?: string }).code], ["failed", "DEVICE_LOST"]);
  });

  it("frees what a run used, whether it ends well or not", async () => {
    await run(1);
    const { allocatedBytes } = opened[0]!;
    assert.equal(allocatedBytes, 0);
    onMessage = ({ type, ...message }) => { if (type === "checkpoint") void runner.handle({ type: "cancel", runId: (message as { runId: string }).runId }); };
    assert.equal((await run(1000)).type, "cancelled");
    assert.equal(opened[0]!.allocatedBytes, 0);
    assert.equal(opened.length, 1);
  });

  it("says so when there is no device, and tries again for the next run", async () => {
    let attempts = 0;
    const blind = new Runner({
      dataDir, send: (message) => messages.push(runnerMessageSchema.parse(message)),
      openGpu: () => (attempts++ < 2 ? Promise.reject(new EngineError("NO_ADAPTER", "adapter: none here")) : Gpu.open()),
    });
    await blind.handle({ type: "describe", measure: false });
    assert.deepEqual(messages.map(({ type }) => type), ["no-device", "datasets"]);
    assert.deepEqual(messages[0], { type: "no-device", code: "NO_ADAPTER", message: "adapter: none here" });
    [messages, runner] = [[], blind];
    const end = await run(1);
    assert.deepEqual([end.type, (end as { code?: string }).code], ["failed", "NO_ADAPTER"]);
    assert.equal((await run(1)).type, "finished");
  });
});
