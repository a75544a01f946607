import type { ArchitectureName } from "../../schema/jobs/architecture.ts";
import { pgdSchema } from "../../schema/jobs/attack.ts";
import { attributionSchema } from "../../schema/jobs/attribution.ts";
import { type TrainConfig, trainConfigSchema } from "../../schema/jobs/run-config.ts";
import type { Rng } from "../../services/common/rng.ts";
import { unpackFeatures } from "../../services/engine/graph/layout.ts";
import { Pgd } from "../../services/lab/attacks/pgd.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import { Attributor } from "../../services/lab/attributions/attributor.ts";
import { subPixels } from "../../services/lab/data/dataset.ts";
import type { Architecture, ModelShape } from "../../services/lab/models/architecture.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { predictionPass } from "../../services/lab/models/predictor.ts";
import type { Session } from "../../services/lab/session.ts";
import { TrainingStep } from "../../services/lab/training/training-step.ts";

/** Something that a network is used for, again and again. */
export interface Work {
  /** Submits the i-th unit; need not wait for it. */
  unit(i: number): Promise<void> | void;
  /** What the last unit computed, in PyTorch's shapes. */
  output(): Promise<Float32Array>;
}

/** With random weights and room to be trained, and with its kernels tuned as a run's are. */
export async function randomNetwork(session: Session, architecture: Architecture, shape: ModelShape, seed: bigint): Promise<Network> {
  const network = makeNetwork(session.scope, architecture, shape, { gradients: true, slots: 2 });
  network.parameters.initialise(seed);
  await session.tune(network, { training: true });
  return network;
}

export function randomImages(rng: Rng, n: number, { inputShape, classCount }: ModelShape): ImageBatch {
  return {
    x: Float32Array.from({ length: n * subPixels(inputShape) }, () => rng.uniform()),
    labels: Uint32Array.from({ length: n }, () => rng.integer(classCount)),
    ids: Uint32Array.from({ length: n }, (_, i) => i),
  };
}

/** Logits in evaluation mode: [n, classCount]. */
export async function forwardWork(session: Session, network: Network, { x, labels: { length } }: ImageBatch): Promise<Work> {
  const pass = await predictionPass(session, network, length);
  const program = await session.prepare("predict", [...pass.prologue, ...pass.body]);
  return {
    unit() {
      session.gpu.write(pass.image, x);
      program.run();
    },
    output: async () => unpackFeatures(await session.gpu.readF32(pass.logits), length, network.classCount),
  };
}

export type PgdOptions = Readonly<{ epsilon: number; stepSize?: number; steps: number; randomStart?: boolean }>;

/** An l∞ attack; its output is the loss of each adversarial example: [n]. */
export async function pgdWork(session: Session, network: Network, images: ImageBatch, options: PgdOptions): Promise<Work> {
  const attack = await Pgd.prepare(session, network, pgdSchema.parse({ kind: "pgd", ...options }), images.labels.length, 1n);
  let losses = new Float32Array();
  return {
    async unit() {
      const { results } = await attack.attack(images, false);
      losses = Float32Array.from(results[0]!.detail ?? [], ({ loss }) => loss!);
    },
    output: () => Promise.resolve(losses),
  };
}

/** Integrated gradients from the mean colour: maps [n, c·h·w]. */
export async function attributionWork(session: Session, network: Network, { x, labels }: ImageBatch, { steps }: { steps: number }): Promise<Work> {
  const attributor = await Attributor.prepare(session, network, attributionSchema.parse({ steps }), labels.length);
  return {
    async unit() { await attributor.attribute(x, labels); },
    output: async () => (await session.gpu.readF32(attributor.map)).slice(0, x.length),
  };
}

export interface TrainingOptions {
  readonly architecture: ArchitectureName;
  readonly optimiser: { kind: "sgd"; learningRate: number; momentum: number; weightDecay: number } | { kind: "adamw"; learningRate: number; weightDecay: number };
  /** Iterations of the inner attack; 0 is standard training. */
  readonly innerSteps: number;
}

/** A training step; images are uploaded for each, as in training. Its output is all trained numbers, in the network's order. */
export async function trainingWork(session: Session, network: Network, { x: image, labels, ids }: ImageBatch, options: TrainingOptions): Promise<Work> {
  const step = await TrainingStep.compile(session, network, configOf(options, labels.length), 1n, { epochs: 1, stepsPerEpoch: 1000 });
  return {
    unit: (i) => { step.submit(i, { image, labels, ids }); },
    output: () => trainedNumbers(network),
  };
}

function configOf({ architecture, optimiser, innerSteps }: TrainingOptions, batchSize: number): TrainConfig {
  return trainConfigSchema.parse({
    kind: "train", name: "bench", dataset: "mnist", architecture, batchSize, optimiser, schedule: { kind: "constant" },
    ...(innerSteps > 0 && { adversary: { epsilon: 0.1, steps: innerSteps } }),
  });
}

async function trainedNumbers({ parameters }: Network): Promise<Float32Array> {
  const saved = await parameters.save();
  const numbers = new Float32Array(parameters.count);
  let at = 0;
  for (const { name, leaf } of parameters.entries) {
    if (leaf.op !== "parameter") continue;
    const { data } = saved.get(name)!;
    numbers.set(data, at);
    at += data.length;
  }
  return numbers;
}
