/** Speaks the runner's protocol without a GPU. The run's seed says what it does: the index of a scenario. */
import { writeSync } from "node:fs";

import { type AgentMessage, type RunnerMessage, agentMessageSchema } from "../../schema/jobs/runner-message.ts";
import { writeBlob } from "../../services/common/blob-files.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";

type Start = Extract<ReturnType<typeof agentMessageSchema.parse>, { type: "start" }>;

const say = (message: RunnerMessage): Promise<void> => new Promise((resolve, reject) => process.send!(message, undefined, undefined, (error) => (error ? reject(error) : resolve())));
const die = () => process.kill(process.pid, "SIGKILL");

process.on("disconnect", () => process.exit(0));
process.on("message", (raw: AgentMessage) => {
  const message = agentMessageSchema.parse(raw);
  if (message.type === "describe") void describe();
  else if (message.type === "cancel") void cancel(message.runId);
  else void start(message);
});

let scenario: Scenario = "succeed";

async function describe(): Promise<void> {
  await say({ type: "environment", environment: { adapter: "fake", adapterKind: "fake", software: true, vendor: "", architecture: "", kernelFamily: "fake", dawn: "0", node: process.version, platform: process.platform, code: "test", advice: null, measuredGflops: 1 } });
  await say({ type: "datasets", datasets: [{ name: "mnist-digits", title: "Digits", available: true, reason: null, contentHash: "00", trainCount: 10, testCount: 10, inputShape: [1, 28, 28], classes: ["0", "1"], mean: [0], std: [1], licence: "none", source: "test" }] });
}

async function cancel(runId: string): Promise<void> {
  if (scenario !== "ignore-cancel") await say({ type: "cancelled", runId });
}

async function start(message: Start): Promise<void> {
  scenario = SCENARIOS[Number(message.seed)]!;
  const { runId, attempt } = message;
  await say({ type: "note", runId, message: `runner ${process.pid}` });
  await say({ type: "progress", runId, phase: "epoch 1", done: 1, total: 2, etaSeconds: 1, imagesPerSecond: 5 });
  await say({ type: "metrics", runId, points: [{ series: "loss", step: attempt, value: 1 / attempt }] });
  if (scenario === "fail") return say({ type: "failed", runId, code: "DIVERGED", message: "loss is NaN", details: { epoch: 1 } });
  if (scenario === "die-always") return void die();
  if (scenario === "exit-always") process.exit(3);
  if (scenario === "hang" || scenario === "ignore-cancel") return;
  if (scenario !== "succeed" && attempt === 1) return misbehave(message);
  await finish(message);
}

/** What it does on the first attempt; the second succeeds. */
async function misbehave(message: Start): Promise<void> {
  const { runId } = message;
  switch (scenario) {
    case "die-once":
      await partial(message);
      return void die();
    case "partial-then-hang":
      return partial(message);
    case "not-json":
      writeSync(3, "this is no JSON\n");
      return;
    case "not-protocol":
      return say({ type: "metrics", runId, points: [{ series: "", step: -1, value: 0 }] });
    case "other-run":
      return say({ type: "note", runId: "00000000-0000-4000-8000-000000000000", message: "who?" });
    case "device-lost":
      return say({ type: "failed", runId, code: "DEVICE_LOST", message: "the driver went away", details: {} });
    case "missing-blob":
      return say({ type: "checkpoint", runId, epoch: 1, blob: { sha256: "0".repeat(64), bytes: 1, contentType: "application/octet-stream" } });
    case "unknown-model":
      return say({ type: "results", runId, results: results("00000000-0000-4000-8000-000000000000", 1) });
    default:
      throw new Error(`no first attempt for ${scenario}`);
  }
}

async function partial({ runId, config, blobDir, models }: Start): Promise<void> {
  if (config.kind === "train") await say({ type: "checkpoint", runId, epoch: 2, blob: await writeBlob(blobDir, Buffer.from(`checkpoint of ${runId}`), "application/octet-stream") });
  else await say({ type: "results", runId, results: results(models[0]!.id, 7) });
}

async function finish(message: Start): Promise<void> {
  const { runId, config, blobDir, models, resume, seed } = message;
  await say({ type: "kernel-variants", runId, kernelVariants: { "forward 1×1 4→4": ["fake"] } });
  if (config.kind === "train") {
    if (resume) await say({ type: "note", runId, message: `resumed from ${resume.epoch} with ${resume.blob.sha256}` });
    const weights = await writeBlob(blobDir, Buffer.from(`weights of ${config.name} ${seed}`), "application/x-safetensors");
    return say({ type: "finished", runId, model: { weights, parameterCount: 3, flops: 6, normalisation: { mean: [0], std: [1] }, inputShape: [1, 28, 28], classCount: 10, finalMetrics: { accuracy: 1 } } });
  }
  if (config.kind === "import-model" || config.kind === "register-dataset" || config.kind === "export-model") return say({ type: "finished", runId, ...await product(message) });
  await say({ type: "results", runId, results: config.kind === "predict" ? predictions(models[0]!.id) : results(models[0]!.id, 1) });
  await say({ type: "finished", runId });
}

/** What a reader of the config's files would find in them. */
async function product({ config, blobDir, models, datasets }: Start): Promise<Omit<Extract<RunnerMessage, { type: "finished" }>, "type" | "runId">> {
  switch (config.kind) {
    case "import-model": {
      const weights = await writeBlob(blobDir, Buffer.from(`tensors of ${config.name}`), "application/vnd.safetensors");
      const { normalisation, inputShape = [1, 2, 2], classCount = 2, golden, from } = config;
      const measured = { count: 1, n: 2, rate: 0.5, low: 0.1, high: 0.9 };
      return {
        importedModel: {
          weights, parameterCount: 3, flops: 6, inputShape, classCount, normalisation: normalisation ? { mean: normalisation.mean, std: normalisation.std } : { mean: [0], std: [1] },
          operators: [{ operator: "Conv", count: 2 }], format: from.kind === "onnx" ? "onnx" : "pytorch", fileSha256: "f".repeat(64),
          definition: from.kind === "onnx" ? await writeBlob(blobDir, Buffer.from(`graph of ${config.name}`), "application/octet-stream") : null,
          warnings: [{ code: "SOFTMAX_HEAD", message: "it ends in a softmax" }],
          golden: golden ? { dataset: golden.dataset, split: golden.split, contentHash: datasets[0]?.report.contentHash ?? "built-in", expected: golden.cleanAccuracy, tolerance: golden.tolerance, measured, passed: false } : null,
        },
      };
    }
    case "register-dataset":
      return { dataset: { inputShape: [1, 2, 2], classes: ["cat", "dog"], contentHash: "c".repeat(64), listingHash: "d".repeat(64), train: { count: 0, perClass: [0, 0] }, test: { count: 3, perClass: [1, 2] }, mean: [0.5], std: [0.25], warnings: [{ code: "UNSEEN_CLASS", message: "a class without training images" }] } };
    case "export-model":
      return { file: await writeBlob(blobDir, Buffer.from(`${models[0]!.name} as ${config.format}`), "application/octet-stream") };
    default: throw new Error(`no product of ${config.kind}`);
  }
}

function predictions(modelId: string): Extract<RunnerMessage, { type: "results" }>["results"] {
  return { predictions: [{ modelId, image: 0, label: null, top: [{ class: 1, probability: 0.75 }, { class: 0, probability: 0.25 }] }] };
}

function results(modelId: string, images: number): Extract<RunnerMessage, { type: "results" }>["results"] {
  return { images: Array.from({ length: images }, (_, image) => ({ modelId, measure: "gini/global/absolute", image, label: 1, prediction: null, value: 0.5, success: null })) };
}
