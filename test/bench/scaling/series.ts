import type { ArchitectureName } from "../../../schema/jobs/architecture.ts";
import { Rng } from "../../../services/common/rng.ts";
import type { Architecture, ModelShape } from "../../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../../services/lab/models/architectures.ts";
import { smallCnn } from "../../../services/lab/models/architectures/small-cnn.ts";
import type { Network } from "../../../services/lab/models/network.ts";
import type { Session } from "../../../services/lab/session.ts";
import { units } from "../networks.ts";
import type { Case } from "../timing.ts";
import { attributionWork, forwardWork, pgdWork, randomImages, randomNetwork, trainingWork, type Work } from "../work.ts";

/** One point of a series: the work at one size. */
export interface PointCase extends Case { readonly value: number }

/** The same work at growing sizes. */
export interface Series {
  readonly work: string;
  /** What grows. */
  readonly variable: string;
  readonly values: readonly number[];
  /** @param value one of `values`. */
  make(session: Session, value: number): Promise<Work>;
}

const SEED = 1n;
const digits = (side: number): ModelShape => ({ inputShape: [1, side, side], classCount: 10, mean: [0.1307], std: [0.3081] });
const SGD = { kind: "sgd", learningRate: 1e-12, momentum: 0.9, weightDecay: 0 } as const;
const PGD = { epsilon: 0.1, steps: 10 } as const;

/** What the cost of an audit grows with. */
export const SERIES: readonly Series[] = [
  { work: "small-cnn, training step", variable: "images per batch", values: [16, 32, 64, 128, 256], make: async (session, n) => training(session, await network(session, digits(28)), digits(28), n) },
  { work: "small-cnn, PGD-10", variable: "images per batch", values: [8, 16, 32, 64], make: async (session, n) => pgdWork(session, await network(session, digits(28)), images(digits(28), n), PGD) },
  { work: "small-cnn, training step, n 16", variable: "side of the image", values: [14, 28, 42, 56], make: async (session, side) => training(session, await network(session, digits(side)), digits(side), 16) },
  { work: "small-cnn of other widths, training step, n 32", variable: "channels of the first layer", values: [8, 16, 32, 64], make: async (session, width) => training(session, await network(session, digits(28), smallCnnOfWidth(width)), digits(28), 32) },
  { work: "small-cnn, integrated gradients, 1 image", variable: "points of the path", values: [25, 50, 100, 200], make: async (session, steps) => attributionWork(session, await network(session, digits(28)), images(digits(28), 1), { steps }) },
  { work: "small-cnn, forward and PGD-10 on each, n 16", variable: "models", values: [1, 2, 4], make: (session, count) => everyModel(session, count) },
];

/** @returns a case per value, in order. */
export function pointsOf(series: Series, session: Session): Promise<PointCase[]> {
  return Promise.all(series.values.map(async (value) => {
    const work = await series.make(session, value);
    return { name: `${series.work}, ${series.variable} ${value}`, value, batch: async (count: number) => () => units(session, count, work) };
  }));
}

function network(session: Session, shape: ModelShape, architecture: Architecture = architectureNamed("small-cnn")): Promise<Network> {
  return randomNetwork(session, architecture, shape, SEED);
}

function images(shape: ModelShape, n: number): ReturnType<typeof randomImages> { return randomImages(new Rng(SEED, n), n, shape); }

function training(session: Session, made: Network, shape: ModelShape, n: number): Promise<Work> {
  const architecture: ArchitectureName = "small-cnn"; // of the config, which the network itself overrules
  return trainingWork(session, made, images(shape, n), { architecture, optimiser: SGD, innerSteps: 0 });
}

function smallCnnOfWidth(width: number): Architecture { return { title: `Small CNN of width ${width}`, build: smallCnn(width) }; }

/** What an audit does with several models: the same images through each in turn. */
async function everyModel(session: Session, count: number): Promise<Work> {
  const shape = digits(28);
  const batch = images(shape, 16);
  const works: Work[] = [];
  for (let i = 0; i < count; i++) {
    const model = await network(session, shape);
    works.push(await forwardWork(session, model, batch), await pgdWork(session, model, batch, PGD));
  }
  return {
    async unit(i) { for (const work of works) await work.unit(i); },
    output: () => works[0]!.output(),
  };
}
