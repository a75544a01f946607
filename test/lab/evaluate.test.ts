import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate as evaluateGraph } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { gather, gatherLabels } from "../../services/lab/data/dataset.ts";
import { forwardGraph } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { loadWeights, makeNetwork, type Network, saveWeights } from "../../services/lab/models/network.ts";
import { readSafetensors, writeSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { Session } from "../../services/lab/session.ts";
import { evaluate } from "../../services/lab/training/evaluate.ts";
import { fixedTestImages } from "../../services/lab/training/held-out.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { toyDataset } from "../support/toy-dataset.ts";

const toy = toyDataset({ test: 30 });
const shape = { inputShape: toy.inputShape, classCount: 3, mean: toy.mean, std: toy.std };

describe("evaluate", () => {
  let gpu: Gpu;
  let session: Session;
  let network: Network;
  before(async () => {
    gpu = await testGpu();
    session = new Session(gpu);
    network = makeNetwork(session.scope, architectureNamed("tiny-cnn"), shape);
    network.parameters.initialise(4n); // untrained: right about a third of the time
  });
  after(async () => { session.dispose(); await closeTestGpu(); });
  const all = Array.from({ length: 30 }, (_, i) => i);
  const inLaunchesOf = async <T>(maxRows: number, work: (session: Session) => Promise<T>): Promise<T> => {
    const own = new Session(gpu, { maxRows });
    try { return await work(own); } finally { own.dispose(); }
  };

  it("counts what the f64 twin classifies correctly, whatever the batch", async () => {
    const { graph, logits } = forwardGraph(network.architecture, network, 30);
    const parameters = new Map([...(await network.parameters.save())].map(([name, { data }]) => [name, Float64Array.from(data)]));
    const z = evaluateGraph(graph, { image: await gather(toy, "test", all), parameters }, "eval").of(logits);
    const labels = gatherLabels(toy, "test", all);
    const right = all.filter((i) => labels[i] === [0, 1, 2].reduce((best, k) => (z[i * 3 + k]! > z[i * 3 + best]! ? k : best), 0));
    assert.ok(right.length > 0 && right.length < 30, `a test that can tell: ${right.length} of 30`);
    const order = [...all.filter((i) => i !== right[0]), right[0]!]; // the one that fills up the last batch would count
    for (const maxRows of [30, 7, 64]) {
      const { clean, pgd } = await inLaunchesOf(maxRows, (own) => evaluate(own, network, toy, "test", order));
      assert.deepEqual([clean.count, clean.n, pgd], [right.length, 30, null]);
    }
  });

  it("finds no more right under attack than without, fewer under a stronger one, the same in any batch", async () => {
    const under = (epsilon: number, maxRows = 30): Promise<number> => inLaunchesOf(maxRows, async (own) => (await evaluate(own, network, toy, "test", all, { epsilon, steps: 5 })).pgd!.count);
    const { clean } = await evaluate(session, network, toy, "test", all);
    assert.equal(await under(1e-6), clean.count);
    const strong = await under(0.5);
    assert.ok(strong < clean.count, `${strong} of ${clean.count}`);
    assert.equal(await under(0.02, 7), await under(0.02));
  });

  it("sees new weights", async () => {
    const { clean: before } = await evaluate(session, network, toy, "test", all);
    const kept = await saveWeights(network);
    const { tensors } = readSafetensors(kept);
    const bias = new Map(tensors).set("fc2.bias", { shape: [3], data: Float32Array.of(0, 1e4, 0) });
    loadWeights(network, writeSafetensors(bias));
    assert.equal((await evaluate(session, network, toy, "test", all)).clean.count, 10); // a third is class 1
    loadWeights(network, kept);
    assert.deepEqual((await evaluate(session, network, toy, "test", all)).clean, before);
  });

  it("refuses weights that do not fit and data of another shape", async () => {
    const { tensors } = readSafetensors(await saveWeights(network));
    const nameless = new Map([...tensors].filter(([name]) => name !== "conv1.bias"));
    assert.throws(() => loadWeights(network, writeSafetensors(nameless)), { code: "WEIGHTS_CORRUPT", message: /missing: conv1\.bias/ });
    const other = toyDataset({ classCount: 4 });
    await assert.rejects(evaluate(session, network, other, "test", [0]), { code: "DATASET_MISMATCH", message: /1×8×8 images of 3 classes, got 1×8×8 images of 4 classes/ });
  });

  it("stops when cancelled", async () => {
    const cancel = new AbortController();
    const cancelled = new Session(gpu, { signal: cancel.signal });
    cancel.abort();
    await assert.rejects(evaluate(cancelled, network, toy, "test", all), { name: "AbortError" });
    cancelled.dispose();
  });
});

describe("fixed test images", () => {
  it("are distinct, in order, as many as asked for, and others for another purpose", () => {
    const some = fixedTestImages(toy, 12, 1);
    assert.equal(new Set(some).size, 12);
    assert.deepEqual([...some].sort((a, b) => a - b), [...some]);
    assert.notDeepEqual(some, fixedTestImages(toy, 12, 2));
    assert.equal(fixedTestImages(toy, 1000, 1).length, 30);
  });
});
