import { seedWords } from "../../common/rng.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, repeat } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { linfStart } from "../../engine/kernels/attack/linf-start.ts";
import { linfStep } from "../../engine/kernels/attack/linf-step.ts";
import { compileGradient } from "../models/compiled.ts";
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

/** Untargeted l∞ PGD as plain steps, to stand inside a longer command buffer. */
export interface InnerAttack {
  /** Run after every change of the weights. */
  readonly prologue: readonly Step[];
  readonly body: readonly Step[];
  /** [n, m] f32: the adversarial images after the body. */
  readonly adversarial: Tensor;
  /** @param draw which of an image's random starts: the epoch, the restart. */
  values(reach: Reach, draw: number): [Dynamic, number][];
}

export interface InnerAttackOptions {
  readonly steps: number;
  readonly randomStart: boolean;
  readonly seed: bigint;
  /** Purpose of the random starts (streams.ts). */
  readonly stream: number;
}

/**
 * x ← Π( x + α·sign ∇loss ), `steps` times from a random point of the box (Madry et al. 2018, equation 2.1), on the network
 * in evaluation mode. Radius, step and draw are given at each run.
 */
export function compileInnerAttack(session: Session, network: Network, { image, labels, ids }: AttackInputs, { steps, randomStart, seed, stream }: InnerAttackOptions): InnerAttack {
  const [n, m] = image.shape as [number, number];
  const [epsilon, stepSize, draw] = [new Dynamic("epsilon"), new Dynamic("step size"), new Dynamic("draw")];
  const adversarial = session.scope.tensor("adversarial", [n, m]);
  const { prologue, body, gradient } = compileGradient(session, network, "loss", adversarial, labels);
  const [seedLow, seedHigh] = seedWords(seed);
  const start = randomStart ? linfStart(image, ids, adversarial, { n, m, seedLow, seedHigh, draw, stream, epsilon }) : copy(image, adversarial);
  const iteration = [...body, linfStep(adversarial, image, gradient, { n, m, stepSize, epsilon, direction: 1 })];
  return {
    prologue, adversarial,
    body: [start, ...repeat(steps, () => iteration)],
    values: (reach, drawn) => [[epsilon, reach.epsilon], [stepSize, reach.stepSize], ...(randomStart ? [[draw, drawn] as [Dynamic, number]] : [])],
  };
}
