import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireRange, type Tensor } from "../../gpu/tensor.ts";
import { flatGrid } from "../elementwise/flat.ts";
import { MAX_F32, requireScalar, type Scalar } from "../image-space.ts";

export const sgdSpec: KernelSpec = {
  name: "optim/sgd",
  lib: ["lib/grid"],
  params: { quads: "u32", learning_rate: "f32", momentum: "f32", weight_decay: "f32", nesterov: "u32" },
  reads: ["g"],
  writes: ["w", "velocity"],
  constants: { WG: 8, PER: 64 },
};

export interface SgdOptions {
  /** Elements, padding included. */
  readonly n: number;
  readonly learningRate: Scalar;
  /** In [0, 1]; 0 is plain gradient descent. */
  readonly momentum: number;
  /** L2 penalty's factor, added to the gradient. */
  readonly weightDecay: number;
  /** Needs momentum > 0, as in PyTorch. */
  readonly nesterov: boolean;
}

/**
 * One step of PyTorch's optim.SGD (dampening 0), in place.
 *
 * @param w        [n] f32, in place.
 * @param g        [n] f32, gradient.
 * @param velocity [n] f32, in place; 0 before the first step.
 * @throws EngineError SHAPE_MISMATCH (n, sizes); VALUE_RANGE (a rate below 0 or not finite, momentum outside [0, 1], nesterov without momentum).
 */
export function sgd(w: Tensor, g: Tensor, velocity: Tensor, { n, learningRate, momentum, weightDecay, nesterov }: SgdOptions): Dispatch {
  const { quads, workgroups } = flatGrid(sgdSpec, n, { w, g, velocity });
  requireScalar(sgdSpec.name, "learningRate", learningRate, 0, MAX_F32);
  requireRange(sgdSpec.name, "momentum", momentum, 0, 1);
  requireRange(sgdSpec.name, "weightDecay", weightDecay, 0, MAX_F32);
  if (nesterov && momentum === 0) throw new EngineError("VALUE_RANGE", `${sgdSpec.name}: expected momentum > 0 with nesterov, got 0`, { momentum, nesterov });
  const params = { quads, learning_rate: learningRate, momentum, weight_decay: weightDecay, nesterov: Number(nesterov) };
  return { kind: "dispatch", spec: sgdSpec, params, buffers: [g, w, velocity], workgroups };
}
