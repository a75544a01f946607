import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { type Dispatch, Dynamic } from "../../engine/gpu/kernel.ts";
import { elements, type Tensor } from "../../engine/gpu/tensor.ts";
import { adamw } from "../../engine/kernels/optim/adamw.ts";
import { sgd } from "../../engine/kernels/optim/sgd.ts";
import type { NetworkParameters } from "../../engine/plan/parameters.ts";

/** One optimiser step over all parameters at once, and the scalars it is told at each. */
export interface Optimiser {
  /** One for each flat tensor of the parameters. */
  readonly dispatches: readonly Dispatch[];
  /** @param step 0-based count of updates made before this one. */
  values(step: number, learningRate: number): [Dynamic, number][];
}

/** Moments kept per parameter. */
export function slotCount(config: TrainConfig["optimiser"]): number { return config.kind === "sgd" ? 1 : 2; }

/**
 * @param parameters made with gradients and `slotCount` slots.
 * @param gradients what to step by, laid out as the parameters' own, which are the default.
 * @throws EngineError VALUE_RANGE.
 */
export function makeOptimiser(config: TrainConfig["optimiser"], parameters: NetworkParameters, gradients: readonly Tensor[] = parameters.gradients): Optimiser {
  const flats = parameters.values.map((w, i) => ({ w, g: gradients[i]!, slots: parameters.slots.map((slot) => slot[i]!), n: elements(w.shape) }));
  const rate = new Dynamic("learning rate");
  if (config.kind === "sgd") {
    const { momentum, weightDecay, nesterov } = config;
    const dispatches = flats.map(({ w, g, slots, n }) => sgd(w, g, slots[0]!, { n, learningRate: rate, momentum, weightDecay, nesterov }));
    return { dispatches, values: (_, learningRate) => [[rate, learningRate]] };
  }
  const { beta1, beta2, epsilon, weightDecay } = config;
  const [correction1, correction2] = [new Dynamic("correction 1"), new Dynamic("correction 2")];
  return {
    dispatches: flats.map(({ w, g, slots, n }) => adamw(w, g, slots[0]!, slots[1]!, { n, learningRate: rate, beta1, beta2, epsilon, weightDecay, correction1, correction2 })),
    values: (step, learningRate) => [[rate, learningRate], [correction1, 1 - beta1 ** (step + 1)], [correction2, 1 - beta2 ** (step + 1)]],
  };
}
