import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { trainConfigSchema } from "../../schema/jobs/run-config.ts";
import type { AgentMessage } from "../../schema/jobs/runner-message.ts";
import { blobFolder, readBlob } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { type Received, RunnerClient } from "../support/runner-client.ts";

type Start = Extract<AgentMessage, { type: "start" }>;

// One process for all: what is tested is also that a runner stays of use after each of these.
describe("the runner process", () => {
  let dataDir: string;
  let runner: RunnerClient;
  before(() => {
    dataDir = mkdtempSync(join(tmpdir(), "lorenz-runner-"));
    runner = new RunnerClient(dataDir);
  });
  after(() => {
    runner.kill();
    rmSync(dataDir, { recursive: true });
  });

  const start = (config: object = {}, rest: Partial<Start> = {}): Start => ({
    type: "start", runId: newId(), attempt: 1, seed: "18446744073709551615", models: [], blobDir: blobFolder(dataDir),
    config: trainConfigSchema.parse({
      kind: "train", name: "tiny", dataset: "mnist-digits", architecture: "tiny-cnn", epochs: 2, batchSize: 16, trainCount: 64,
      evaluation: { count: 16, pgd: { epsilon: 0.1, steps: 2 } }, probe: { count: 2, attribution: { method: "saliency" } }, adversary: { epsilon: 0.1, steps: 2 }, ...config,
    }),
    ...rest,
  });
  const only = <T extends Received["type"]>(messages: readonly Received[], type: T): Extract<Received, { type: T }>[] => messages.filter((m): m is Extract<Received, { type: T }> => m.type === type);
  let first: Received[];

  it("says what it runs on and which data it has", async () => {
    runner.send({ type: "describe", measure: true });
    const { datasets } = await runner.next(0, "datasets");
    const { environment } = await runner.next(0, "environment");
    assert.notEqual(environment.adapter, "");
    assert.ok(environment.measuredGflops! > 0, `${environment.measuredGflops} GFLOP/s`);
    assert.match(environment.dawn, /^webgpu \d+\.\d+\.\d+$/);
    assert.match(environment.code, /^\d+\.\d+\.\d+(\+[0-9a-f]{12})?$/);
    assert.deepEqual(datasets.filter(({ available }) => available).map(({ name }) => name).slice(0, 1), ["mnist-digits"]);
  });

  it("trains: series, a checkpoint per epoch, a model whose weights are stored", async () => {
    const begin = start();
    first = await runner.run(begin);
    assert.equal(first.at(-1)!.type, "finished");
    assert.ok(first.every((message) => (message as { runId?: string }).runId === begin.runId), "messages of this run only");
    const points = only(first, "metrics").flatMap((message) => message.points);
    assert.deepEqual(points.filter(({ series }) => series === "gini").map(({ step }) => step), [0, 1, 2]);
    assert.deepEqual(points.filter(({ series }) => series === "loss").map(({ step }) => step), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (const series of ["train-loss", "learning-rate", "epsilon", "clean-accuracy", "pgd-accuracy", "images-per-second"]) assert.equal(points.filter((p) => p.series === series).length, 2, series);
    assert.deepEqual(only(first, "checkpoint").map(({ epoch }) => epoch), [1, 2]);
    assert.ok(only(first, "progress").length > 0, "no progress");
    const model = only(first, "finished")[0]!.model!;
    assert.deepEqual([model.parameterCount, model.inputShape, model.classCount, model.flops], [166_406, [1, 28, 28], 10, 1_218_768]);
    assert.deepEqual(model.operators?.map(({ operator, count }) => [operator, count]), [["relu", 3], ["conv2d", 2], ["linear", 2], ["flatten", 1], ["normalise", 1]]);
    assert.equal(model.finalMetrics.gini, points.filter(({ series }) => series === "gini").at(-1)!.value);
    const { tensors, metadata } = readSafetensors(await readBlob(blobFolder(dataDir), model.weights.sha256));
    assert.equal(tensors.size, 8);
    assert.equal(metadata.architecture, "tiny-cnn");
  });

  it("makes the same bytes again, also from the checkpoint of the first epoch, and says that it goes on", async () => {
    const weights = only(first, "finished")[0]!.model!.weights.sha256;
    assert.equal(only(await runner.run(start()), "finished")[0]!.model!.weights.sha256, weights);
    const { epoch, blob } = only(first, "checkpoint")[0]!;
    const resumed = await runner.run(start({}, { attempt: 2, resume: { epoch, blob } }));
    assert.equal(only(resumed, "finished")[0]!.model!.weights.sha256, weights);
    assert.match(only(resumed, "note")[0]!.message, /continues after epoch 1 of 2/);
    assert.deepEqual(only(resumed, "checkpoint").map((message) => message.epoch), [2]);
  });

  it("stops when cancelled", async () => {
    const begin = start({ epochs: 1000 });
    const from = runner.received.length;
    runner.send(begin);
    await runner.next(from, "checkpoint");
    runner.send({ type: "cancel", runId: newId() }); // another run's: not meant for this one
    runner.send({ type: "cancel", runId: begin.runId });
    assert.equal((await runner.next(from, "finished", "failed", "cancelled")).type, "cancelled");
  });

  it("refuses a second run while one is in progress, and finishes the first", async () => {
    const [one, two] = [start({ epochs: 3 }), start()];
    const from = runner.received.length;
    runner.send(one);
    runner.send(two);
    const refused = await runner.next(from, "failed");
    assert.deepEqual([refused.runId, refused.code], [two.runId, "INVARIANT"]);
    assert.equal((await runner.next(from, "finished")).runId, one.runId);
  });

  it("fails a run with the code of what was wrong", async () => {
    const codes = async (begin: Start): Promise<string> => only(await runner.run(begin), "failed")[0]!.code;
    assert.equal(await codes(start({ dataset: "cifar10", architecture: "cifar-resnet20" })), "DATASET_UNAVAILABLE");
    assert.equal(await codes(start({ batchSize: 65 })), "INVALID_INPUT");
    assert.equal(await codes(start({}, { resume: { epoch: 1, blob: { sha256: "0".repeat(64), bytes: 1, contentType: "x" } } })), "NOT_FOUND");
    assert.equal(await codes(start({}, { seed: "18446744073709551616" })), "INVALID_INPUT");
    const { blob } = only(first, "checkpoint")[0]!;
    assert.equal(await codes(start({}, { seed: "1", resume: { epoch: 1, blob } })), "WEIGHTS_CORRUPT");
  });

  it("ignores what is no message of the protocol", async () => {
    runner.send({ type: "explode" });
    runner.send({ type: "start", runId: "not-an-id" });
    runner.send(5 as unknown as object);
    assert.equal((await runner.run(start({ epochs: 1 }))).at(-1)!.type, "finished");
  });

  it("answers a run that it cannot read", async () => {
    const ended = await runner.run({ ...start(), config: { kind: "train", name: "" } } as unknown as Start);
    assert.match(only(ended, "failed")[0]!.message, /config\.\w+: /);
  });

  it("ends with its agent, even in the middle of a run", async () => {
    const from = runner.received.length;
    runner.send(start({ epochs: 1000 }));
    await runner.next(from, "metrics");
    runner.disconnect();
    assert.deepEqual(await runner.exit, [0, null]);
  });
});
