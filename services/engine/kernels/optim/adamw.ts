import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { F32_TINY, flatGrid } from "../elementwise/flat.ts";
import { MAX_F32, requireScalar, type Scalar } from "../image-space.ts";

export const adamwSpec: KernelSpec = {
  name: "optim/adamw",
  lib: ["lib/grid"],
  params: {
    quads: "u32", learning_rate: "f32", beta1: "f32", beta2: "f32", take1: "f32", take2: "f32",
    epsilon: "f32", weight_decay: "f32", correction1: "f32", correction2: "f32",
  },
  reads: ["g"],
  writes: ["w", "m", "v"],
  constants: { WG: 8, PER: 64 },
};

export interface AdamwOptions {
  /** Elements, padding included. */
  readonly n: number;
  readonly learningRate: Scalar;
  /** Decay of the first and second moment, in [0, 1). */
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root of the second moment, > 0 (PyTorch's default 1e-8). */
  readonly epsilon: number;
  /** Decoupled: multiplied by the learning rate, not added to the gradient. */
  readonly weightDecay: number;
  /** 1 − beta1^t, t = 1 in the first step. */
  readonly correction1: Scalar;
  /** 1 − beta2^t. */
  readonly correction2: Scalar;
}

/** Largest decay: above it 1 − beta has no digits left in f32. */
const BETA_MAX = 1 - 2 ** -24;

/**
 * One step of PyTorch's optim.AdamW, in place.
 *
 * @param w [n] f32, in place.
 * @param g [n] f32, gradient.
 * @param m [n] f32, first moment, in place; 0 before the first step.
 * @param v [n] f32, second moment, in place; 0 before the first step.
 * @throws EngineError SHAPE_MISMATCH (n, sizes); VALUE_RANGE (a rate below 0 or not finite, a beta outside [0, 1), a correction outside (0, 1]).
 */
export function adamw(w: Tensor, g: Tensor, m: Tensor, v: Tensor, options: AdamwOptions): Dispatch {
  const { quads, workgroups } = flatGrid(adamwSpec, options.n, { w, g, m, v });
  const { learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2 } = options;
  const ranges = {
    learningRate: [learningRate, 0, MAX_F32], beta1: [beta1, 0, BETA_MAX], beta2: [beta2, 0, BETA_MAX], epsilon: [epsilon, F32_TINY, 1],
    weightDecay: [weightDecay, 0, MAX_F32], correction1: [correction1, F32_TINY, 1], correction2: [correction2, F32_TINY, 1],
  } as const;
  for (const [name, [value, low, high]] of Object.entries(ranges)) requireScalar(adamwSpec.name, name, value, low, high);
  const params = {
    quads, learning_rate: learningRate, beta1, beta2, take1: 1 - beta1, take2: 1 - beta2,
    epsilon, weight_decay: weightDecay, correction1, correction2,
  };
  return { kind: "dispatch", spec: adamwSpec, params, buffers: [g, w, m, v], workgroups };
}
