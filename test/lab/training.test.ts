import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { type TrainConfig, trainConfigSchema } from "../../schema/jobs/run-config.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { readSafetensors, writeSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { Session, type SessionOptions } from "../../services/lab/session.ts";
import { type Metric, train, type Trained, type TrainHooks } from "../../services/lab/training/train.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { toyDataset } from "../support/toy-dataset.ts";

type Overrides = Partial<Parameters<typeof trainConfigSchema.parse>[0] & object> & Record<string, unknown>;
const config = (overrides: Overrides = {}): TrainConfig => trainConfigSchema.parse({
  kind: "train", name: "toy", dataset: "mnist", architecture: "tiny-cnn", epochs: 3, batchSize: 20, evaluation: { count: 20 }, probe: { count: 0 }, ...overrides,
});
const toy = toyDataset();

interface Observed { readonly trained: Trained; readonly checkpoints: Uint8Array[]; readonly metrics: Metric[] }

describe("train", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (c: TrainConfig, seed = 1n, hooks: Partial<TrainHooks> = {}, options: SessionOptions = {}, dataset = toy): Promise<Observed> => {
    const session = new Session(gpu, options);
    const [checkpoints, metrics]: [Uint8Array[], Metric[]] = [[], []];
    try {
      const trained = await train(session, dataset, c, seed, { metrics: (points) => metrics.push(...points), checkpoint: async (_, bytes) => { checkpoints.push(bytes); }, ...hooks });
      return { trained, checkpoints, metrics };
    } finally { session.dispose(); }
  };
  const series = ({ metrics }: Observed, name: string): (number | null)[] => metrics.filter((point) => point.series === name).map(({ value }) => value);

  it("learns, and says so", async () => {
    const observed = await run(config({ epochs: 6, optimiser: { kind: "adamw", learningRate: 0.006 } }));
    const losses = series(observed, "train-loss") as number[];
    assert.ok(losses[0]! > losses[5]! && losses[5]! < 0.2, losses.join());
    assert.ok((series(observed, "clean-accuracy")[5] as number) > 0.9, series(observed, "clean-accuracy").join());
    // 96 images in batches of 20: four updates, the incomplete fifth batch is left out.
    assert.deepEqual(observed.metrics.filter((p) => p.series === "loss").map(({ step }) => step), Array.from({ length: 24 }, (_, i) => i));
    const firstEpoch = series(observed, "loss").slice(0, 4) as number[];
    assert.ok(Math.abs(firstEpoch.reduce((a, b) => a + b) / 4 - losses[0]!) < 1e-12, `${firstEpoch.join()} on average ${losses[0]}`);
    assert.equal(observed.trained.summary.parameterCount, 16 * 16 + 16 + 32 * 256 + 32 + 128 * 100 + 100 + 303);
    assert.deepEqual(Object.keys(observed.trained.finalMetrics).sort(), ["clean-accuracy", "images-per-second", "learning-rate", "train-loss"]);
  });

  it("gives the same bits for the same seed and others for another", async () => {
    const [one, same, other] = [await run(config()), await run(config()), await run(config(), 2n)];
    assert.deepEqual(one.trained.weights, same.trained.weights);
    assert.deepEqual(series(one, "loss"), series(same, "loss"));
    assert.notDeepEqual(one.trained.weights, other.trained.weights);
  });

  const adversary = { epsilon: 0.1, steps: 2, warmupEpochs: 2 };
  const resumed: [string, Overrides, ReturnType<typeof toyDataset>][] = [
    ["AdamW and an adversary", { adversary, schedule: { kind: "cosine" } }, toy],
    ["SGD with momentum, augmentation and a subset", { optimiser: { kind: "sgd", learningRate: 0.02 }, schedule: { kind: "multi-step", milestones: [1, 2], factor: 0.5 }, augmentation: { cropPadding: 1, flip: true }, trainCount: 70 }, toy],
    ["batch norm's running statistics and an adversary", { architecture: "cifar-resnet20", batchSize: 8, epochs: 2, adversary: { epsilon: 0.02, steps: 1 }, evaluation: { count: 8 } }, toyDataset({ inputShape: [3, 8, 8], train: 16, test: 8 })],
  ];
  for (const [what, overrides, dataset] of resumed) {
    it(`ends with the same bits when interrupted: ${what}`, async () => {
      const whole = await run(config(overrides), 7n, {}, {}, dataset);
      const rest = await run(config(overrides), 7n, { resume: whole.checkpoints[0]! }, {}, dataset);
      assert.deepEqual(rest.trained.weights, whole.trained.weights);
      assert.deepEqual(rest.checkpoints.length, whole.checkpoints.length - 1);
      const { "images-per-second": _, ...numbers } = whole.trained.finalMetrics;
      const { "images-per-second": _again, ...again } = rest.trained.finalMetrics;
      assert.deepEqual(again, numbers);
    });
  }

  it("resumed after its last epoch only hands over the model", async () => {
    const whole = await run(config());
    const rest = await run(config(), 1n, { resume: whole.checkpoints[2]! });
    assert.deepEqual(rest.trained.weights, whole.trained.weights);
    assert.deepEqual(rest.trained.finalMetrics, whole.trained.finalMetrics);
    assert.deepEqual(rest.metrics, []);
  });

  it("refuses a checkpoint of another training or a damaged one", async () => {
    const { checkpoints: [checkpoint] } = await run(config({ epochs: 1 }));
    const other = { code: "WEIGHTS_CORRUPT", message: /checkpoint of this config, seed and data set/ };
    await assert.rejects(run(config({ epochs: 1 }), 2n, { resume: checkpoint! }), other);
    await assert.rejects(run(config({ epochs: 2 }), 1n, { resume: checkpoint! }), other);
    await assert.rejects(run(config({ epochs: 1 }), 1n, { resume: checkpoint! }, {}, toyDataset({ noise: 61 })), other);
    const { tensors, metadata } = readSafetensors(checkpoint!);
    const slotless = new Map([...tensors].filter(([name]) => name !== "optimiser.1/fc1.bias"));
    await assert.rejects(run(config({ epochs: 1 }), 1n, { resume: writeSafetensors(slotless, metadata) }), { code: "WEIGHTS_CORRUPT", message: /optimiser\.1\/fc1\.bias \[100\], got none/ });
    await assert.rejects(run(config({ epochs: 1 }), 1n, { resume: writeSafetensors(tensors, { ...metadata, "lorenz.epoch": "0" }) }), { code: "WEIGHTS_CORRUPT", message: /an epoch/ });
    await assert.rejects(run(config({ epochs: 1 }), 1n, { resume: writeSafetensors(tensors, { ...metadata, "lorenz.metrics": "{" }) }), { code: "WEIGHTS_CORRUPT", message: /metrics/ });
  });

  it("under an adversary ends up more robust than without one", async () => {
    const evaluation = { count: 24, pgd: { epsilon: 0.2, steps: 10 } };
    const standard = await run(config({ epochs: 10, evaluation }));
    const robust = await run(config({ epochs: 10, evaluation, adversary: { epsilon: 0.2, steps: 4, warmupEpochs: 2 } }));
    const accuracies = [standard, robust].map((observed) => observed.trained.finalMetrics["pgd-accuracy"]!);
    assert.ok(accuracies[1]! > accuracies[0]! + 0.2, accuracies.join());
    assert.deepEqual(series(robust, "epsilon").slice(2), new Array<number>(8).fill(0.2));
  });

  it("follows the probe from the untrained network on", async () => {
    let asked = 0;
    const observed = await run(config({ epochs: 2 }), 1n, { probe: async () => 0.5 + asked++ / 10 });
    assert.deepEqual(observed.metrics.filter((p) => p.series === "gini"), [{ series: "gini", step: 0, value: 0.5 }, { series: "gini", step: 1, value: 0.6 }, { series: "gini", step: 2, value: 0.7 }]);
  });

  it("ends with DIVERGED when the loss is no longer finite", async () => {
    const metrics: Metric[] = [];
    const wild = config({ optimiser: { kind: "sgd", learningRate: 10, momentum: 0.99 }, schedule: { kind: "constant" }, epochs: 20 });
    await assert.rejects(run(wild, 1n, { metrics: (points) => metrics.push(...points) }), { code: "DIVERGED", message: /expected a finite loss, got .* at step \d+/ });
    assert.ok(metrics.some(({ series: name, value }) => name === "loss" && value === null), "a loss that is null");
  });

  it("refuses more images or a larger batch than there are", async () => {
    await assert.rejects(run(config({ trainCount: 97 })), { code: "INVALID_INPUT", message: /at most 96 .* got 97/ });
    await assert.rejects(run(config({ trainCount: 10 })), { code: "INVALID_INPUT", message: /at most the 10 training images, got 20/ });
  });

  it("stops when cancelled, and the device works on", async () => {
    const cancel = new AbortController();
    await assert.rejects(run(config({ epochs: 1000 }), 1n, { checkpoint: async () => cancel.abort() }, { signal: cancel.signal }), { name: "AbortError" });
    assert.equal((await run(config({ epochs: 1 }))).checkpoints.length, 1);
  });

  it("says how far it is and how fast", async () => {
    let time = 0;
    const seen: { phase: string; done: number; total: number; etaSeconds: number | null; imagesPerSecond: number | null }[] = [];
    await run(config({ epochs: 2 }), 1n, {}, { clock: { now: () => 0, nowIso: () => "", monotonic: () => (time += 1000) }, onProgress: (p) => seen.push(p) });
    assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], ["epoch 1/2", "evaluation 1/2", "epoch 2/2", "evaluation 2/2"]);
    const last = seen.filter(({ phase }) => phase === "epoch 2/2").at(-1)!;
    assert.deepEqual([last.done, last.total, last.etaSeconds], [4, 4, 0]);
    assert.ok(last.imagesPerSecond! > 0, `${last.imagesPerSecond}`);
  });

  it("leaves nothing behind on the device", async () => {
    await run(config({ epochs: 1 }));
    const { allocatedBytes } = gpu;
    await run(config({ epochs: 1 }));
    assert.equal(gpu.allocatedBytes, allocatedBytes);
  });
});
