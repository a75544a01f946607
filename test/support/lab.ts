import type { AttackConfig } from "../../schema/jobs/attack.ts";
import { attackSchema } from "../../schema/jobs/attack.ts";
import { type AttributionConfig, attributionSchema } from "../../schema/jobs/attribution.ts";
import { Pgd } from "../../services/lab/attacks/pgd.ts";
import type { ImageBatch, VariantResult } from "../../services/lab/attacks/variant.ts";
import { Attributor } from "../../services/lab/attributions/attributor.ts";
import { subPixels } from "../../services/lab/data/dataset.ts";
import type { Architecture, ModelShape } from "../../services/lab/models/architecture.ts";
import { network, PYTORCH } from "../../services/lab/models/architectures/layers.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { predictionPass } from "../../services/lab/models/predictor.ts";
import type { Session } from "../../services/lab/session.ts";
import { uniform } from "./random.ts";

/** Small networks and short ways to call the lab's recipes on images of the host. */

/** One linear layer: every gradient is a row of its weights, every path integral exact. */
export const linear: Architecture = {
  title: "linear",
  build: network(PYTORCH, (l, x, classCount) => l.dense("fc", l.graph.flatten(x), classCount)),
};

/** A convolution, a hidden layer and two ReLUs: the least that is not linear. */
export const crooked: Architecture = {
  title: "crooked",
  build: network(PYTORCH, (l, x, classCount) => {
    const a = l.relu(l.conv("conv", x, 6, 3, { stride: 2, padding: 1 }));
    return l.dense("fc2", l.relu(l.dense("fc1", l.graph.flatten(a), 12)), classCount);
  }),
};

/** Networks that normalise nothing: mean 0, standard deviation 1. */
export function asIs(inputShape: ModelShape["inputShape"], classCount: number): ModelShape {
  const channels = Array.from({ length: inputShape[0] });
  return { inputShape, classCount, mean: channels.map(() => 0), std: channels.map(() => 1) };
}

/** A network with the weights given by name, in PyTorch's shapes. */
export function networkWith({ scope }: Session, architecture: Architecture, shape: ModelShape, weights: Readonly<Record<string, ArrayLike<number>>>): Network {
  const network = makeNetwork(scope, architecture, shape);
  network.parameters.load(new Map(network.parameters.entries.map(({ name, shape: sides }) => [name, { shape: sides, data: Float32Array.from(weights[name]!) }])));
  return network;
}

/** A network with PyTorch's random initial weights. */
export function randomNetwork({ scope }: Session, architecture: Architecture, shape: ModelShape, seed: number): Network {
  const network = makeNetwork(scope, architecture, shape);
  network.parameters.initialise(seed);
  return network;
}

/** Random images in [0, 1] with labels in turn; ids follow `firstId`. */
export function randomImages({ inputShape, classCount }: ModelShape, count: number, seed: number, firstId = 100): ImageBatch {
  return {
    x: Float32Array.from(uniform(seed, count * subPixels(inputShape), 0.5), (v) => v + 0.5),
    labels: Uint32Array.from({ length: count }, (_, i) => (i + seed) % classCount),
    ids: Uint32Array.from({ length: count }, (_, i) => firstId + i),
  };
}

/** Cuts images into batches, as the recipes get them. */
export function* cut({ x, labels, ids }: ImageBatch, batch: number): Generator<ImageBatch> {
  const m = x.length / labels.length;
  for (let first = 0; first < labels.length; first += batch) {
    const last = Math.min(first + batch, labels.length);
    yield { x: x.slice(first * m, last * m), labels: labels.slice(first, last), ids: ids.slice(first, last) };
  }
}

/** Some of the images. */
export function pick({ x, labels, ids }: ImageBatch, which: readonly number[]): ImageBatch {
  const m = x.length / labels.length;
  return { x: Float32Array.from(which.flatMap((i) => [...x.subarray(i * m, (i + 1) * m)])), labels: Uint32Array.from(which, (i) => labels[i]!), ids: Uint32Array.from(which, (i) => ids[i]!) };
}

export interface Maps { readonly maps: Float32Array; /** Empty for methods without a path. */ readonly gap: number[] }

export async function mapsOf(session: Session, network: Network, config: Partial<AttributionConfig>, images: ImageBatch, batch: number): Promise<Maps> {
  const attributor = await Attributor.prepare(session, network, attributionSchema.parse(config), batch);
  const maps = new Float32Array(images.x.length);
  const gap: number[] = [];
  let at = 0;
  for (const some of cut(images, batch)) {
    gap.push(...((await attributor.attribute(some.x, some.labels)).gap ?? []));
    maps.set((await session.gpu.readF32(attributor.map)).subarray(0, some.x.length), at);
    at += some.x.length;
  }
  return { maps, gap };
}

/** Logits of the first `count` classes and predictions of images of the host. */
export async function predictionsOf(session: Session, network: Network, x: Float32Array, batch: number): Promise<{ logits: number[][]; prediction: number[] }> {
  const pass = await predictionPass(session, network, batch);
  const program = await session.prepare("predictions", [...pass.prologue, ...pass.body]);
  const m = subPixels(network.inputShape);
  const logits: number[][] = [];
  for (let first = 0; first < x.length; first += batch * m) {
    const some = x.subarray(first, first + batch * m);
    session.gpu.write(pass.image, some);
    program.run();
    const rows = await session.gpu.readF32(pass.logits);
    for (let i = 0; i < some.length / m; i++) logits.push([...rows.subarray(i * pass.logits.shape[1]!, i * pass.logits.shape[1]! + network.classCount)]);
  }
  return { logits, prediction: logits.map((row) => row.indexOf(Math.max(...row))) };
}

/** In nats, of the class k. */
export function crossEntropy(logits: readonly number[], k: number): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - top), 0)) - logits[k]!;
}

export type PgdInput = Partial<Omit<Extract<AttackConfig, { kind: "pgd" }>, "kind">> & { epsilon: number };
export interface Attacked { readonly x: Float32Array; readonly result: VariantResult }

/** All images through one attack; examples always read. */
export async function pgdOf(session: Session, network: Network, config: PgdInput, images: ImageBatch, batch: number, seed = 1n): Promise<Attacked> {
  const parsed = attackSchema.parse({ kind: "pgd", ...config });
  if (parsed.kind !== "pgd") throw new Error("expected PGD");
  const pgd = await Pgd.prepare(session, network, parsed, batch, seed);
  const parts: Attacked[] = [];
  for (const some of cut(images, batch)) {
    const { results: [result], examples } = await pgd.attack(some, true);
    parts.push({ x: examples!, result: result! });
  }
  return { x: Float32Array.from(parts.flatMap(({ x }) => [...x])), result: joined(parts.map(({ result }) => result)) };
}

/** The results of one variant over several batches as those of one. */
export function joined(parts: readonly VariantResult[]): VariantResult {
  return {
    variant: parts[0]!.variant, draws: parts[0]!.draws,
    success: Float64Array.from(parts.flatMap(({ success }) => [...success])),
    prediction: Uint32Array.from(parts.flatMap(({ prediction }) => [...prediction])),
    detail: parts.flatMap(({ detail = [] }) => detail),
  };
}
