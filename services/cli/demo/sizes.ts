/** How much the demo does. All sizes run the same protocol; smaller ones train less and attack fewer images. */
export interface DemoSize {
  readonly name: "full" | "half" | "quarter" | "small" | "smoke";
  readonly trainCount: number;
  readonly epochs: number;
  readonly warmupEpochs: number;
  /** Radii of the adversarially trained networks, in pixel units of [0, 1]. */
  readonly epsilons: readonly number[];
  /** Steps of the adversary during training. */
  readonly trainSteps: number;
  /** Held-out images on which each epoch is evaluated, with PGD. */
  readonly evaluationCount: number;
  readonly sampleSize: number;
  readonly pathSteps: number;
  readonly pgdSteps: number;
  readonly noise: readonly number[];
}

const FULL: DemoSize = {
  name: "full", trainCount: 8000, epochs: 3, warmupEpochs: 1, epsilons: [0.1, 0.2, 0.3], trainSteps: 5,
  evaluationCount: 250, sampleSize: 400, pathSteps: 50, pgdSteps: 20, noise: [5, 26, 52, 104],
};

/** Largest first. */
export const SIZES: readonly DemoSize[] = [
  FULL,
  { ...FULL, name: "half", trainCount: 6000, epochs: 2, trainSteps: 4, sampleSize: 300, pathSteps: 32 },
  { ...FULL, name: "quarter", trainCount: 4000, epochs: 2, trainSteps: 4, evaluationCount: 200, sampleSize: 200, pathSteps: 20, pgdSteps: 10 },
  { ...FULL, name: "small", trainCount: 2400, epochs: 2, trainSteps: 3, evaluationCount: 64, sampleSize: 64, pathSteps: 16, pgdSteps: 10, noise: [26, 52] },
  { ...FULL, name: "smoke", trainCount: 600, epochs: 2, trainSteps: 2, evaluationCount: 64, sampleSize: 24, pathSteps: 8, pgdSteps: 4, noise: [26, 52] },
];

/** MFLOP of a forward pass of the demo's network; a backward pass to the image costs about as much, one to the weights twice. */
const FORWARD_MFLOP = 1.2;
/** Small layers reach this share of the speed measured on a matrix product. */
const EFFICIENCY = 0.47;
/** After each epoch: steps of the PGD that the held-out images are attacked with, images of the Gini probe and points of its paths. */
export const EVALUATION = { pgdSteps: 10, probe: 32, probeSteps: 20 };
const COLOURS = 3;
const OCCLUSION_GRID = 10;
/** By the map and at random. */
const PLACEMENTS = 2;
const NOISE_TYPES = 2;
/** PGD also attacks the images of an unconditional sample that are not in the sample set. */
const PGD_EXTRA = 1.3;
const TEST_IMAGES = 2000;

/** GFLOP of all that the demo does at this size. */
export function demoGflop({ trainCount, epochs, epsilons, trainSteps, evaluationCount, sampleSize, pathSteps, pgdSteps, noise }: DemoSize): number {
  const passes = (adversarial: boolean): number => trainCount * (3 + (adversarial ? 2 * trainSteps : 0)) + evaluationCount * (2 + 2 * EVALUATION.pgdSteps) + EVALUATION.probe * 2 * (EVALUATION.probeSteps + 2);
  const training = epochs * (passes(false) + epsilons.length * passes(true));
  const perImage = 2 * (pathSteps + 2) + PGD_EXTRA * 2 * pgdSteps + PLACEMENTS * (NOISE_TYPES * noise.length + COLOURS * OCCLUSION_GRID);
  const audit = (epsilons.length + 1) * (sampleSize * perImage + TEST_IMAGES);
  return ((training + audit) * FORWARD_MFLOP) / 1000;
}

/** Seconds that the demo will take on an adapter of this measured speed. */
export function demoSeconds(size: DemoSize, gflops: number): number { return demoGflop(size) / (gflops * EFFICIENCY); }

/** The largest size that should end in `seconds`. */
export function fittingSize(gflops: number, seconds: number): DemoSize {
  return SIZES.find((size) => demoSeconds(size, gflops) <= seconds) ?? SIZES.at(-1)!;
}
