import type { ArchitectureName } from "../../schema/jobs/architecture.ts";
import { Rng } from "../../services/common/rng.ts";
import { flopsOfImage } from "../../services/engine/plan/flops.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import { forwardGraph, type ModelShape } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import type { Network } from "../../services/lab/models/network.ts";
import type { RecordingSession } from "./recording-session.ts";
import type { Case } from "./timing.ts";
import { attributionWork, forwardWork, pgdWork, randomImages, randomNetwork, trainingWork, type Work } from "./work.ts";

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

/** Black and white 28×28 in ten classes, as MNIST, and RGB 32×32, as CIFAR-10; means and deviations are the published ones. */
export const DIGITS: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.1307], std: [0.3081] };
export const COLOUR: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };
/** So small that hours of steps leave the random weights as they are: every unit does the same work. */
const SGD = { kind: "sgd", learningRate: 1e-12, momentum: 0.9, weightDecay: 0 } as const;
const ADAMW = { kind: "adamw", learningRate: 1e-12, weightDecay: 0 } as const;
const BATCH = 64;
const PGD_STEPS = 10;
const IG_POINTS = 50;
const INNER_STEPS = 7;

/** The cases of one network; what one needs is made when it first runs, and freed before the next network's turn. */
export type CaseGroup = (session: RecordingSession, seed: bigint, quick: boolean) => NetworkCase[];

/** The network that speed is measured on and the one that CIFAR-10 is attacked with, at batch 64; then the demo's, at the demo's batch. */
export const NETWORKS: readonly CaseGroup[] = [
  (session, seed) => auditCases(session, seed, "small-cnn", DIGITS),
  (session, seed, quick) => auditCases(session, seed, "cifar-resnet18", COLOUR, quick),
  demoCases,
];

/** Everything that an audit does. @param quick leave out what takes more than a few seconds per unit. */
function auditCases(session: RecordingSession, seed: bigint, architecture: ArchitectureName, shape: ModelShape, quick = false): NetworkCase[] {
  const { network, make, images } = setUp(session, architecture, shape, seed);
  const training = (innerSteps: number) => async (): Promise<Work> => trainingWork(session, await network(), images(BATCH), { architecture, optimiser: SGD, innerSteps });
  const attribution = (n: number) => async (): Promise<Work> => attributionWork(session, await network(), images(n), { steps: IG_POINTS });
  const cases = [
    make(`forward, n ${BATCH}`, BATCH, BATCH, async () => forwardWork(session, await network(), images(BATCH))),
    make(`training step, n ${BATCH}`, BATCH, 3 * BATCH, training(0)),
    make(`IG-${IG_POINTS}, 1 image`, 1, 2 * IG_POINTS, attribution(1)),
  ];
  if (quick) return cases;
  return [
    ...cases,
    make(`IG-${IG_POINTS}, 16 images`, 16, 2 * IG_POINTS * 16, attribution(16)),
    make(`PGD-${PGD_STEPS}, n ${BATCH}`, BATCH, 2 * PGD_STEPS * BATCH, async () => pgdWork(session, await network(), images(BATCH), { epsilon: 0.1, steps: PGD_STEPS })),
    make(`PGD-${INNER_STEPS} training step, n ${BATCH}`, BATCH, (3 + 2 * INNER_STEPS) * BATCH, training(INNER_STEPS)),
  ];
}

function demoCases(session: RecordingSession, seed: bigint): NetworkCase[] {
  const [architecture, n] = ["tiny-cnn", 128] as const;
  const { network, make, images } = setUp(session, architecture, DIGITS, seed);
  const training = (innerSteps: number) => async (): Promise<Work> => trainingWork(session, await network(), images(n), { architecture, optimiser: ADAMW, innerSteps });
  return [
    make(`training step, n ${n}`, n, 3 * n, training(0)),
    make(`PGD-${INNER_STEPS} training step, n ${n}`, n, (3 + 2 * INNER_STEPS) * n, training(INNER_STEPS)),
  ];
}

interface SetUp {
  readonly network: () => Promise<Network>;
  readonly make: (what: string, images: number, forwards: number, prepare: () => Promise<Work>) => NetworkCase;
  readonly images: (n: number) => ImageBatch;
}

function setUp(session: RecordingSession, name: ArchitectureName, shape: ModelShape, seed: bigint): SetUp {
  const architecture = architectureNamed(name);
  const flopOfForward = flopsOfImage(forwardGraph(architecture, shape, 1).graph);
  let network: Promise<Network> | undefined;
  return {
    network: () => (network ??= randomNetwork(session, architecture, shape, seed)),
    make(what, images, forwards, prepare) {
      let work: Promise<Work> | undefined;
      return {
        name: `${name}: ${what}`, network: name, images, flop: forwards * flopOfForward,
        async batch(count) {
          const ready = await (work ??= prepare());
          return () => units(session, count, ready);
        },
      };
    },
    images: (n) => randomImages(new Rng(seed, n), n, shape),
  };
}

/** So many units, one submitted after the other, and the wait for the last. */
export async function units({ gpu }: Pick<RecordingSession, "gpu">, count: number, work: Work): Promise<void> {
  for (let i = 0; i < count; i++) await work.unit(i);
  await gpu.idle();
}
