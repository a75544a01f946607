import { seedWords } from "../../common/rng.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { pgdSteps } from "../attacks/pgd-steps.ts";
import { compileLossGradient } from "../models/compiled.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";
import type { Reach } from "./schedule.ts";

/** What the attack reads; the caller owns and fills them. */
export interface AttackInputs {
  /** [n, m] f32 in [0, 1]: the clean images. */
  readonly image: Tensor;
  /** [n] u32 */
  readonly labels: Tensor;
  /** [n] u32: index of each image in its split; keys its random start. */
  readonly ids: Tensor;
}

/** Untargeted l∞ PGD as plain steps, to stand inside a training step's command buffer. */
export interface InnerAttack {
  /** Run after every change of the weights. */
  readonly prologue: readonly Step[];
  readonly body: readonly Step[];
  /** @param draw which of an image's random starts: the epoch. */
  values(reach: Reach, draw: number): [Dynamic, number][];
}

export interface InnerAttackOptions {
  /** Receives the adversarial images: [n, m] f32. */
  readonly adversarial: Tensor;
  readonly steps: number;
  readonly randomStart: boolean;
  readonly seed: bigint;
  /** Purpose of the random starts (streams.ts). */
  readonly stream: number;
}

/** The attack of equation 2.1 of Madry et al. 2018, on the network in evaluation mode. Radius, step and draw are given at each run. */
export function compileInnerAttack(session: Session, network: Network, { image, labels, ids }: AttackInputs, { adversarial, steps, randomStart, seed, stream }: InnerAttackOptions): InnerAttack {
  const [epsilon, stepSize, draw] = [new Dynamic("epsilon"), new Dynamic("step size"), new Dynamic("draw")];
  const pass = compileLossGradient(session, network, adversarial, labels);
  const [seedLow, seedHigh] = seedWords(seed);
  return {
    prologue: pass.prologue,
    body: pgdSteps({ x: adversarial, x0: image, ids, pass }, { norm: "linf", steps, epsilon, stepSize, direction: 1, start: randomStart ? { seedLow, seedHigh, draw, stream } : undefined }),
    values: (reach, drawn) => [[epsilon, reach.epsilon], [stepSize, reach.stepSize], ...(randomStart ? [[draw, drawn] as [Dynamic, number]] : [])],
  };
}
