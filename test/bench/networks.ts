import { pgdSchema } from "../../schema/jobs/attack.ts";
import { attributionSchema } from "../../schema/jobs/attribution.ts";
import { type ArchitectureName, type TrainConfig, trainConfigSchema } from "../../schema/jobs/run-config.ts";
import { Rng } from "../../services/common/rng.ts";
import { flopsOfImage } from "../../services/engine/plan/flops.ts";
import { Pgd } from "../../services/lab/attacks/pgd.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import { Attributor } from "../../services/lab/attributions/attributor.ts";
import { subPixels } from "../../services/lab/data/dataset.ts";
import { forwardGraph, type ModelShape } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { predictionPass } from "../../services/lab/models/predictor.ts";
import { slotCount } from "../../services/lab/training/optimiser.ts";
import { TrainingStep } from "../../services/lab/training/training-step.ts";
import type { RecordingSession } from "./recording-session.ts";
import type { Case } from "./timing.ts";

/** Something that a network is used for. A unit of work is one step, one attack, or one call of the attributor. */
export interface NetworkCase extends Case {
  readonly network: ArchitectureName;
  /** Images per unit. */
  readonly images: number;
  /**
   * Operations of the textbook algorithm per unit, in forward passes' worth: training 3 per image, PGD 2 per image and
   * iteration, integrated gradients 2 per image and point. What an implementation adds (a check, both ends of a path) is its loss.
   */
  readonly flop: number;
}

/** Black and white 28×28 in ten classes, as MNIST; mean and deviation are its published ones. */
const DIGITS: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.1307], std: [0.3081] };
/** So small that hours of steps leave the random weights as they are: every unit does the same work. */
const LEARNING_RATE = 1e-12;
const PGD_STEPS = 10;
const IG_POINTS = 50;
const INNER_STEPS = 7;

type Unit = (i: number) => Promise<void> | void;
type Make = (name: string, images: number, forwards: number, unit: Unit) => NetworkCase;

/** The network that speed is measured on: everything that an audit does, at batch 64. */
export async function smallCnnCases(session: RecordingSession, seed: bigint): Promise<NetworkCase[]> {
  const batch = 64;
  const { network, make, data } = setUp(session, "small-cnn", seed);
  const images = data(batch);
  return [
    make(`forward, n ${batch}`, batch, batch, await forward(session, network, images)),
    ...await training(session, network, "small-cnn", make, images),
    make(`PGD-${PGD_STEPS}, n ${batch}`, batch, 2 * PGD_STEPS * batch, await pgd(session, network, images, seed)),
    make(`IG-${IG_POINTS}, 1 image`, 1, 2 * IG_POINTS, await integratedGradients(session, network, data(1), batch)),
    make(`IG-${IG_POINTS}, 16 images`, 16, 2 * IG_POINTS * 16, await integratedGradients(session, network, data(16), batch)),
  ];
}

/** The demo's network, at the demo's batch size. */
export async function tinyCnnCases(session: RecordingSession, seed: bigint): Promise<NetworkCase[]> {
  const { network, make, data } = setUp(session, "tiny-cnn", seed);
  return training(session, network, "tiny-cnn", make, data(128));
}

function setUp(session: RecordingSession, name: ArchitectureName, seed: bigint): { network: Network; make: Make; data: (n: number) => ImageBatch } {
  const architecture = architectureNamed(name);
  const network = makeNetwork(session.scope, architecture, DIGITS, { gradients: true, slots: slotCount(configOf(name, 1).optimiser) });
  network.parameters.initialise(seed);
  const flopOfForward = flopsOfImage(forwardGraph(architecture, DIGITS, 1).graph);
  return {
    network,
    make: (what, images, forwards, unit) => ({ name: `${name}: ${what}`, network: name, images, flop: forwards * flopOfForward, batch: async (count) => () => units(session, count, unit) }),
    data: (n) => randomImages(new Rng(seed, n), n, DIGITS),
  };
}

async function units({ gpu }: RecordingSession, count: number, unit: Unit): Promise<void> {
  for (let i = 0; i < count; i++) await unit(i);
  await gpu.idle();
}

function randomImages(rng: Rng, n: number, { inputShape, classCount }: ModelShape): ImageBatch {
  return {
    x: Float32Array.from({ length: n * subPixels(inputShape) }, () => rng.uniform()),
    labels: Uint32Array.from({ length: n }, () => rng.integer(classCount)),
    ids: Uint32Array.from({ length: n }, (_, i) => i),
  };
}

function configOf(architecture: ArchitectureName, batchSize: number, adversary?: { epsilon: number; steps: number }): TrainConfig {
  return trainConfigSchema.parse({
    kind: "train", name: "bench", dataset: "mnist", architecture, batchSize, adversary,
    optimiser: { kind: "adamw", learningRate: LEARNING_RATE, weightDecay: 0 }, schedule: { kind: "constant" },
  });
}

/** Without and with an adversary; images are uploaded for each step, as in training. */
async function training(session: RecordingSession, network: Network, name: ArchitectureName, make: Make, { x: image, labels, ids }: ImageBatch): Promise<NetworkCase[]> {
  const n = labels.length;
  const cases: NetworkCase[] = [];
  for (const steps of [0, INNER_STEPS]) {
    const config = configOf(name, n, steps > 0 ? { epsilon: 0.1, steps } : undefined);
    const step = await TrainingStep.compile(session, network, config, 1n, { epochs: 1, stepsPerEpoch: 1000 });
    cases.push(make(steps > 0 ? `PGD-${steps} training step, n ${n}` : `training step, n ${n}`, n, n * (3 + 2 * steps), (i) => { step.submit(i, { image, labels, ids }); }));
  }
  return cases;
}

async function forward(session: RecordingSession, network: Network, { x, labels }: ImageBatch): Promise<Unit> {
  const pass = await predictionPass(session, network, labels.length);
  const program = await session.prepare("predict", [...pass.prologue, ...pass.body]);
  return () => {
    session.gpu.write(pass.image, x);
    program.run();
  };
}

async function pgd(session: RecordingSession, network: Network, images: ImageBatch, seed: bigint): Promise<Unit> {
  const attack = await Pgd.prepare(session, network, pgdSchema.parse({ kind: "pgd", epsilon: 0.1, steps: PGD_STEPS }), images.labels.length, seed);
  return async () => { await attack.attack(images, false); };
}

/** @param rows of a launch, over which the points of each image are spread. */
async function integratedGradients(session: RecordingSession, network: Network, { x, labels }: ImageBatch, rows: number): Promise<Unit> {
  const attributor = await Attributor.prepare(session, network, attributionSchema.parse({ steps: IG_POINTS }), rows);
  return async () => { await attributor.attribute(x, labels); };
}
