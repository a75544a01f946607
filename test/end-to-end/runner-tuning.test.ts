import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { runConfigSchema } from "../../schema/jobs/run-config.ts";
import { type ModelRef, type RunnerMessage, runnerMessageSchema } from "../../schema/jobs/runner-message.ts";
import { blobFolder } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { Gpu } from "../../services/engine/gpu/device.ts";
import { linearGeometry } from "../../services/engine/kernels/conv/geometry.ts";
import { variantsOf } from "../../services/engine/kernels/conv/variants.ts";
import { workOf } from "../../services/engine/tune/work.ts";
import { forwardGraph } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { Runner } from "../../services/runner/runner.ts";
import { isTuningOn } from "../../services/runner/tuning.ts";

type Of<T extends RunnerMessage["type"]> = Extract<RunnerMessage, { type: T }>;

const TRAIN = { kind: "train", name: "tiny", dataset: "mnist-digits", architecture: "tiny-cnn", epochs: 1, batchSize: 16, trainCount: 32, evaluation: { count: 16 }, probe: { count: 0 } };
/** The second layer's weight gradient, which only training has, and a linear layer. */
const [WEIGHT, LINEAR] = ["grad-weight 4×4 16→32 /2 +1 on 14×14", "forward 1×1 1568→100"];

it("is on for GPUs and off for software adapters, unless the setting says otherwise", () => {
  const on = (mode: "on" | "off" | "auto"): boolean[] => [true, false].map((software) => isTuningOn(mode, { software }));
  assert.deepEqual([on("auto"), on("on"), on("off")], [[false, true], [true, true], [false, false]]);
});

describe("a runner that tunes", () => {
  let dataDir: string;
  let family: Gpu["family"];
  before(() => { dataDir = mkdtempSync(join(tmpdir(), "lorenz-tuning-")); });
  after(() => rmSync(dataDir, { recursive: true }));

  /** A runner of its own, as a process would have it, for one run. */
  async function run(mode: "on" | "off", config: object, models: readonly ModelRef[] = [], onMessage: (message: RunnerMessage, runner: Runner) => void = () => undefined): Promise<RunnerMessage[]> {
    const messages: RunnerMessage[] = [];
    const runner: Runner = new Runner({
      dataDir, tuning: { mode, cacheDir: dataDir },
      send: (message) => { messages.push(runnerMessageSchema.parse(message)); onMessage(message, runner); },
      openGpu: async () => { const gpu = await Gpu.open(); ({ family } = gpu); return gpu; },
    });
    try {
      await runner.handle({ type: "start", runId: newId(), attempt: 1, seed: "1", models: [...models], blobDir: blobFolder(dataDir), config: runConfigSchema.parse(config) });
      return messages;
    } finally { await runner.close(); }
  }
  const last = <T extends RunnerMessage["type"]>(messages: readonly RunnerMessage[], type: T): Of<T> => messages.findLast((m): m is Of<T> => m.type === type)!;
  const tuning = (messages: readonly RunnerMessage[]): Of<"progress">[] => messages.filter((m): m is Of<"progress"> => m.type === "progress" && m.phase === "tuning");
  let first: RunnerMessage[];

  it("uses and reports the defaults where tuning is off", async () => {
    const messages = await run("off", TRAIN);
    assert.deepEqual(tuning(messages), []);
    assert.deepEqual(messages.slice(-2).map(({ type }) => type), ["kernel-variants", "finished"]);
    const { kernelVariants } = last(messages, "kernel-variants");
    assert.deepEqual(kernelVariants[LINEAR]!.slice(0, 1), variantsOf(family, "forward", linearGeometry(16, 1568, 100)).slice(0, 1).map(({ name }) => name));
    assert.ok(Object.hasOwn(kernelVariants, WEIGHT), Object.keys(kernelVariants).join());
  });

  it("can be cancelled while it tunes, keeps what it has found, and finds the rest before it begins", async (context) => {
    const choices = workOf(forwardGraph(architectureNamed("tiny-cnn"), { inputShape: [1, 28, 28], classCount: 10, mean: [0], std: [1] }, 1).graph, { training: true })
      .filter(({ operation, geometry }) => variantsOf(family, operation, geometry).length > 1).length;
    if (choices === 0) return context.skip("the adapter's kernels leave no choice");
    const cancelled = await run("on", TRAIN, [], (message, runner) => {
      if (message.type === "progress" && message.phase === "tuning" && message.done > 0) void runner.handle({ type: "cancel", runId: message.runId });
    });
    assert.equal(cancelled.at(-1)!.type, "cancelled");
    assert.deepEqual([tuning(cancelled)[0]!.done, tuning(cancelled)[0]!.total], [0, choices]);
    const found = tuning(cancelled).at(-1)!.done;
    first = await run("on", TRAIN);
    assert.equal(first.at(-1)!.type, "finished");
    const reports = tuning(first);
    assert.deepEqual([reports[0]?.total ?? 0, reports.at(-1)?.done ?? 0], [choices - found, choices - found]);
    assert.equal(first.slice(0, reports.length).every((message) => reports.includes(message as Of<"progress">)), true, "it tuned after it had begun");
  });

  it("does not tune what the cache knows, and with the same cache makes the same bytes by the same kernels", async () => {
    first ??= await run("on", TRAIN);
    const second = await run("on", TRAIN);
    assert.deepEqual(tuning(second), []);
    assert.deepEqual(last(second, "kernel-variants").kernelVariants, last(first, "kernel-variants").kernelVariants);
    assert.equal(last(second, "finished").model!.weights.sha256, last(first, "finished").model!.weights.sha256);
  });

  it("tunes nothing more for a run on a model of a known shape", async () => {
    const { weights, normalisation, inputShape, classCount } = last(first, "finished").model!;
    const model: ModelRef = { id: newId(), name: "tiny", architecture: "tiny-cnn", definition: null, weights, normalisation, inputShape, classCount };
    const messages = await run("on", { kind: "inequality", model: model.id, dataset: "mnist-digits", selection: { count: 2 }, attribution: { method: "saliency" }, measures: [{ scope: "global" }] }, [model]);
    assert.equal(messages.at(-1)!.type, "finished", JSON.stringify(messages.at(-1)));
    assert.deepEqual(tuning(messages), []);
    const { kernelVariants } = last(messages, "kernel-variants");
    assert.ok(Object.hasOwn(kernelVariants, LINEAR) && !Object.hasOwn(kernelVariants, WEIGHT));
  });
});
