import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { type TrainConfig, trainConfigSchema } from "../../schema/jobs/run-config.ts";
import { evaluate as evaluateGraph } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import type { Value } from "../../services/engine/graph/graph.ts";
import { gather, gatherLabels } from "../../services/lab/data/dataset.ts";
import { lossGraph } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { compileInnerAttack } from "../../services/lab/training/inner-attack.ts";
import { LossRing } from "../../services/lab/training/loss-ring.ts";
import { slotCount } from "../../services/lab/training/optimiser.ts";
import { TrainingStep } from "../../services/lab/training/training-step.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { toyDataset } from "../support/toy-dataset.ts";

const toy = toyDataset();
const shape = { inputShape: toy.inputShape, classCount: 3, mean: toy.mean, std: toy.std };
const LENGTH = { epochs: 4, stepsPerEpoch: 3 };
const BATCH = 12;
const m = 64;

const configOf = (overrides: object): TrainConfig => trainConfigSchema.parse({ kind: "train", name: "toy", dataset: "mnist", architecture: "tiny-cnn", batchSize: BATCH, schedule: { kind: "constant" }, ...overrides });
const batchAt = (first: number, n = BATCH): { image: Float32Array; labels: Uint32Array; ids: Uint32Array } => {
  const ids = Uint32Array.from({ length: n }, (_, i) => first + i);
  return { image: Float32Array.from(toy.splits.train.pixels.subarray(first * m, (first + n) * m), (v) => v / 255), labels: gatherLabels(toy, "train", ids), ids };
};

describe("the training step", () => {
  let gpu: Gpu;
  let session: Session;
  before(async () => { gpu = await testGpu(); session = new Session(gpu); });
  after(async () => { session.dispose(); await closeTestGpu(); });

  const networkFor = (config: TrainConfig): Network => {
    const network = makeNetwork(session.scope, architectureNamed(config.architecture), shape, { gradients: true, slots: slotCount(config.optimiser) });
    network.parameters.initialise(3n);
    return network;
  };
  const weightsOf = async (network: Network): Promise<Map<string, Float64Array>> => new Map([...(await network.parameters.save())].map(([name, { data }]) => [name, Float64Array.from(data)]));

  /** Loss and gradient of the batch mean, in f64. */
  const truth = (network: Network, weights: ReadonlyMap<string, Float64Array>, { image, labels }: { image: Float32Array; labels: Uint32Array }): { loss: Float64Array; gradient: Map<string, Float64Array> } => {
    const built = lossGraph(network.architecture, network, labels.length);
    const parameters = built.graph.nodes.flatMap(({ operation }, value) => (operation.op === "parameter" ? [[operation.name, value as Value] as const] : []));
    const { graph, gradients } = differentiate(built.graph, built.loss, parameters.map(([, value]) => value), 1 / labels.length);
    const evaluation = evaluateGraph(graph, { image, labels, parameters: weights }, "train");
    return { loss: evaluation.of(built.loss), gradient: new Map(parameters.map(([name, value]) => [name, evaluation.of(gradients.get(value)!)])) };
  };

  it("makes SGD's update with the f64 gradient, twice", async () => {
    const config = configOf({ optimiser: { kind: "sgd", learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 } });
    const network = networkFor(config);
    const step = await TrainingStep.compile(session, network, config, 1n, LENGTH);
    const velocity = new Map<string, Float64Array>();
    const expected = await weightsOf(network);
    for (const [i, batch] of [batchAt(0), batchAt(BATCH)].entries()) {
      const { loss, gradient } = truth(network, expected, batch);
      for (const [name, w] of expected) {
        const before = velocity.get(name);
        velocity.set(name, w.map((value, j) => (before ? 0.9 * before[j]! : 0) + gradient.get(name)![j]! + 0.01 * value));
        expected.set(name, w.map((value, j) => value - 0.05 * velocity.get(name)![j]!));
      }
      step.submit(i, batch);
      assertClose(await gpu.readF32(step.loss), loss, TOLERANCE.layer);
    }
    const actual = await weightsOf(network);
    for (const [name, w] of expected) assertClose(actual.get(name)!, w, TOLERANCE.layer);
  });

  it("corrects AdamW's moments by the number of updates and decays the weights apart", async () => {
    const config = configOf({ optimiser: { kind: "adamw", learningRate: 0.01, weightDecay: 0.1, epsilon: 1e-3 } });
    const network = networkFor(config);
    const step = await TrainingStep.compile(session, network, config, 1n, LENGTH);
    const expected = await weightsOf(network);
    const [m1, m2] = [new Map<string, Float64Array>(), new Map<string, Float64Array>()];
    for (const [i, batch] of [batchAt(0), batchAt(BATCH)].entries()) {
      const { gradient } = truth(network, expected, batch);
      for (const [name, w] of expected) {
        const g = gradient.get(name)!;
        m1.set(name, g.map((v, j) => 0.9 * (m1.get(name)?.[j] ?? 0) + 0.1 * v));
        m2.set(name, g.map((v, j) => 0.999 * (m2.get(name)?.[j] ?? 0) + 0.001 * v * v));
        const [c1, c2] = [1 - 0.9 ** (i + 1), 1 - 0.999 ** (i + 1)];
        expected.set(name, w.map((value, j) => value * (1 - 0.01 * 0.1) - (0.01 * (m1.get(name)![j]! / c1)) / (Math.sqrt(m2.get(name)![j]! / c2) + 1e-3)));
      }
      step.submit(i, batch);
    }
    const actual = await weightsOf(network);
    for (const [name, w] of expected) assertClose(actual.get(name)!, w, TOLERANCE.layer);
  });

  for (const [batchSize, rows, parts] of [[12, 5, 3], [11, 4, 3], [12, 1, 12]] as const) {
    it(`makes the same update of ${batchSize} images in ${parts} parts, and repeats it to the bit`, async () => {
      const config = configOf({ batchSize, optimiser: { kind: "sgd", learningRate: 0.05, momentum: 0.9 } });
      const run = async (most: number): Promise<{ losses: Float32Array[]; weights: Map<string, Float64Array>; network: Network }> => {
        const network = networkFor(config);
        const step = await TrainingStep.compile(session, network, config, 1n, LENGTH, most);
        const losses: Float32Array[] = [];
        for (const i of [0, 1]) { step.submit(i, batchAt(i * batchSize, batchSize)); losses.push(await gpu.readF32(step.loss)); }
        return { losses, weights: await weightsOf(network), network };
      };
      const [whole, cut, again] = [await run(batchSize), await run(rows), await run(rows)];
      const { loss } = truth(cut.network, await weightsOf(networkFor(config)), batchAt(0, batchSize));
      assertClose(cut.losses[0]!, loss, TOLERANCE.layer);
      assert.deepEqual(cut.losses[0], whole.losses[0]); // each image's by itself, before any weight has moved
      for (const [name, w] of cut.weights) {
        assertClose(Float32Array.from(w), whole.weights.get(name)!, TOLERANCE.layer);
        assert.deepEqual(again.weights.get(name), w, name);
      }
    });
  }

  it("attacks each image as it would in the whole batch", async () => {
    const config = configOf({ adversary: { epsilon: 0.1, steps: 3 } });
    const run = async (rows: number): Promise<Float32Array> => {
      const step = await TrainingStep.compile(session, networkFor(config), config, 1n, LENGTH, rows);
      step.submit(0, batchAt(0));
      return gpu.readF32(step.trainedOn);
    };
    const [whole, last] = [await run(BATCH), await run(5)];
    assert.equal(last.length, 4 * m);
    assert.deepEqual(last, whole.slice(-4 * m));
  });

  it("creates no GPU object in its steady state", async () => {
    const config = configOf({ adversary: { epsilon: 0.1, steps: 3 } });
    const step = await TrainingStep.compile(session, networkFor(config), config, 1n, LENGTH, 5);
    const ring = await LossRing.prepare(session, step.loss);
    const once = async (i: number): Promise<void> => { step.submit(i, batchAt(i)); await ring.record(); };
    for (let i = 0; i < 8; i++) await once(i);
    const before = { ...gpu.counts };
    for (let i = 8; i < 24; i++) await once(i);
    await ring.flush();
    assert.deepEqual(gpu.counts, before);
  });

  it("takes little more memory against an adversary than without: attack and update share it", async () => {
    const bytesOf = async (overrides: object): Promise<number> => {
      const own = new Session(gpu);
      try {
        const config = configOf({ batchSize: 64, ...overrides });
        const network = makeNetwork(own.scope, architectureNamed(config.architecture), { ...shape, inputShape: [1, 28, 28] }, { gradients: true, slots: slotCount(config.optimiser) });
        const before = gpu.allocatedBytes;
        await TrainingStep.compile(own, network, config, 1n, LENGTH);
        return gpu.allocatedBytes - before;
      } finally { own.dispose(); }
    };
    const [plain, adversarial] = [await bytesOf({}), await bytesOf({ adversary: { epsilon: 0.1, steps: 3 } })];
    assert.ok(adversarial < 1.5 * plain, `${adversarial} bytes, ${plain} without`); // with memory of its own the attack would double it
  });

  it("hands every loss over once, in order, however many there are", async () => {
    const config = configOf({ optimiser: { kind: "sgd", learningRate: 0.05 } });
    const step = await TrainingStep.compile(session, networkFor(config), config, 1n, LENGTH);
    const ring = await LossRing.prepare(session, step.loss);
    for (const count of [1, 3, 4, 5, 8, 9, 13]) {
      const [expected, arrived]: [number[], number[]] = [[], []];
      for (let i = 0; i < count; i++) {
        step.submit(i, batchAt(i));
        expected.push((await gpu.readF32(step.loss)).reduce((sum, v) => sum + v, 0) / BATCH);
        arrived.push(...(await ring.record()));
      }
      arrived.push(...(await ring.flush()));
      assert.deepEqual(arrived, expected, `${count} steps`);
    }
  });

  describe("its adversary", () => {
    const attack = async (n: number, first: number, { epsilon = 0.1, steps = 3, draw = 0, seed = 5n, randomStart = true } = {}): Promise<{ x0: Float32Array; x: Float32Array; loss: (x: Float32Array) => Float64Array }> => {
      const network = networkFor(configOf({}));
      const { image, labels, ids } = batchAt(first, n);
      const inputs = { image: uploadF32(session.scope, "image", image, [n, m]), labels: uploadU32(session.scope, "labels", labels), ids: uploadU32(session.scope, "ids", ids) };
      const adversarial = session.scope.tensor("adversarial", [n, m]);
      const compiled = compileInnerAttack(session, network, inputs, { adversarial, steps, randomStart, seed, stream: 1 });
      const program = await session.prepare("attack", [...compiled.prologue, ...compiled.body]);
      program.run(new Map(compiled.values({ epsilon, stepSize: (2.5 * epsilon) / steps }, draw)));
      const x = await gpu.readF32(adversarial);
      const weights = await weightsOf(network);
      return { x0: image, x, loss: (pixels) => truth(network, weights, { image: pixels, labels }).loss };
    };

    it("stays in the box and raises the loss of nearly every image", async () => {
      const { x0, x, loss } = await attack(24, 0);
      for (let i = 0; i < x.length; i++) assert.ok(x[i]! >= 0 && x[i]! <= 1 && Math.abs(x[i]! - x0[i]!) <= 0.1 + 2 ** -23, `[${i}] ${x0[i]} → ${x[i]}`);
      const [clean, adversarial] = [loss(x0), loss(x)];
      const raised = clean.filter((v, i) => adversarial[i]! > v).length;
      assert.ok(raised >= 23, `${raised} of 24`);
    });

    it("does the same to an image in any batch", async () => assert.deepEqual((await attack(24, 0)).x.subarray(5 * m, 8 * m), (await attack(3, 5)).x));

    it("starts elsewhere for another draw and another seed, and at the image when it may not start at random", async () => {
      const ascent = { steps: 1, epsilon: 0.05 };
      const { x } = await attack(6, 0, ascent);
      assert.notDeepEqual(x, (await attack(6, 0, { ...ascent, draw: 1 })).x);
      assert.notDeepEqual(x, (await attack(6, 0, { ...ascent, seed: 6n })).x);
      const { x0, x: plain } = await attack(6, 0, { ...ascent, randomStart: false });
      const corner = plain.filter((v, i) => v > 0 && v < 1 && Math.abs(Math.abs(v - x0[i]!) - 0.05) > 1e-6 && v !== x0[i]);
      assert.equal(corner.length, 0); // one step of 2.5 ε from the image itself ends on the box's faces
    });

    it("draws its start anew in every epoch, not in every step", async () => {
      const still = configOf({ adversary: { epsilon: 0.1, steps: 1 }, optimiser: { kind: "sgd", learningRate: 1e-30, weightDecay: 0, momentum: 0 } });
      const step = await TrainingStep.compile(session, networkFor(still), still, 1n, LENGTH);
      const adversarialAt = async (i: number): Promise<Float32Array> => {
        step.submit(i, batchAt(0));
        return gpu.readF32(step.trainedOn);
      };
      const first = await adversarialAt(0);
      assert.deepEqual(await adversarialAt(LENGTH.stepsPerEpoch - 1), first);
      assert.notDeepEqual(await adversarialAt(LENGTH.stepsPerEpoch), first);
    });

    it("sees the network in evaluation mode, with the weights of the step before, and leaves its statistics alone", async () => {
      const set = toyDataset({ inputShape: [3, 8, 8], train: 4, test: 4 });
      const network = makeNetwork(session.scope, architectureNamed("cifar-resnet20"), { inputShape: [3, 8, 8], classCount: 3, mean: set.mean, std: set.std });
      network.parameters.initialise(3n);
      const inputs = { image: uploadF32(session.scope, "image", await gather(set, "train", [0, 1]), [2, 192]), labels: uploadU32(session.scope, "labels", [0, 1]), ids: uploadU32(session.scope, "ids", [0, 1]) };
      const adversarial = session.scope.tensor("adversarial", [2, 192]);
      const compiled = compileInnerAttack(session, network, inputs, { adversarial, steps: 2, randomStart: true, seed: 1n, stream: 1 });
      const before = await network.parameters.save();
      const program = await session.prepare("attack", [...compiled.prologue, ...compiled.body]);
      program.run(new Map(compiled.values({ epsilon: 0.1, stepSize: 0.1 }, 0)));
      const x = await gpu.readF32(adversarial);
      assert.deepEqual(await network.parameters.save(), before);
      // An image's perturbation does not depend on its neighbour, as it would with the batch's statistics.
      gpu.write(inputs.image, await gather(set, "train", [0, 3]));
      program.run(new Map(compiled.values({ epsilon: 0.1, stepSize: 0.1 }, 0)));
      assert.deepEqual((await gpu.readF32(adversarial)).subarray(0, 192), x.subarray(0, 192));
      // Other running statistics, another gradient.
      network.parameters.load(new Map([...before].map(([name, { shape: s, data }]) => [name, { shape: s, data: name === "bn1.running_var" ? data.map((_, i) => 0.1 + i) : data }])));
      gpu.write(inputs.image, await gather(set, "train", [0, 1]));
      program.run(new Map(compiled.values({ epsilon: 0.1, stepSize: 0.1 }, 0)));
      assert.notDeepEqual(await gpu.readF32(adversarial), x);
    });

    it("of radius 0 changes nothing", async () => {
      const { x0, x } = await attack(6, 0, { epsilon: 0 });
      assert.deepEqual(x, x0);
    });
  });
});
