import type { AdversaryConfig } from "../../../schema/jobs/attack.ts";
import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { assertNever } from "../../common/errors.ts";

/** What changes while a network trains, as pure functions of the step: a resumed run needs nothing but its number. */

export interface Length { readonly epochs: number; readonly stepsPerEpoch: number }

/**
 * Learning rate of step 0 … epochs·stepsPerEpoch − 1. Multi-step milestones count finished epochs (PyTorch's MultiStepLR
 * stepped once an epoch); cosine falls from step to step, from the base to finalFactor · base (Loshchilov & Hutter 2017, no restarts).
 */
export function learningRateAt(schedule: TrainConfig["schedule"], base: number, step: number, { epochs, stepsPerEpoch }: Length): number {
  switch (schedule.kind) {
    case "constant": return base;
    case "multi-step": {
      const passed = schedule.milestones.filter((milestone) => step >= milestone * stepsPerEpoch).length;
      return base * schedule.factor ** passed;
    }
    case "cosine": return base * (schedule.finalFactor + (1 - schedule.finalFactor) * 0.5 * (1 + Math.cos((Math.PI * step) / (epochs * stepsPerEpoch))));
    default: return assertNever(schedule);
  }
}

/** Radius and step of the adversary, in pixel units of [0, 1]. */
export interface Reach { readonly epsilon: number; readonly stepSize: number }

/**
 * The adversary of one training step. Over the warm-up the radius rises linearly from 0, a little with every step; the
 * step size keeps its ratio to the radius, so that the inner attack is the same attack at every scale.
 */
export function adversaryAt(adversary: AdversaryConfig, step: number, stepsPerEpoch: number): Reach {
  const { epsilon, steps, warmupEpochs, stepSize = defaultStepSize(epsilon, steps) } = adversary;
  const rise = warmupEpochs === 0 ? 1 : Math.min(1, step / (warmupEpochs * stepsPerEpoch));
  return { epsilon: epsilon * rise, stepSize: stepSize * rise };
}

/** 2.5·ε/steps (Madry et al. 2018): far enough to cross the ball from any start. */
export function defaultStepSize(epsilon: number, steps: number): number { return (2.5 * epsilon) / steps; }
