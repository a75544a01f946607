import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, MAX_F32, requireDirection, requireRows, requireScalar, type Scalar } from "../image-space.ts";

export const linfStepSpec: KernelSpec = {
  name: "attack/linf-step", lib: ["lib/grid"],
  params: { quads: "u32", stepSize: "f32", epsilon: "f32", direction: "f32", low: "f32", high: "f32" },
  reads: ["x0", "gradient"], writes: ["x"], constants: { WG: 8, PER: 8 },
};

export interface LinfStepOptions {
  readonly n: number;
  readonly m: number;
  /** Pixel units of [0, 1]. */
  readonly stepSize: Scalar;
  /** Pixel units of [0, 1]. */
  readonly epsilon: Scalar;
  /** +1 ascends (untargeted loss), -1 descends (targeted loss). */
  readonly direction: 1 | -1;
  /** Bounds of a pixel; default 0 and 1. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * One projected sign step: x ← clip_[low,high]( clip_{x0±ε}( x + direction·stepSize·sign g ) ), sign 0 = 0.
 *
 * @param x        [n, m] f32, changed in place.
 * @param x0       [n, m] f32, the clean images.
 * @param gradient [n, m] f32, at x.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (negative step or radius, a direction other than ±1, low > high).
 * @see shaders/attack/linf-step.wgsl
 */
export function linfStep(x: Tensor, x0: Tensor, gradient: Tensor, { n, m, stepSize, epsilon, direction, low = 0, high = 1 }: LinfStepOptions): Dispatch {
  const { name } = linfStepSpec;
  requireRows(name, n, m);
  for (const [label, tensor] of Object.entries({ x0, gradient, x })) requireElements(name, label, tensor, n * m);
  requireScalar(name, "stepSize", stepSize, 0, MAX_F32);
  requireScalar(name, "epsilon", epsilon, 0, MAX_F32);
  requireDirection(name, direction);
  requireScalar(name, "low", low, -MAX_F32, high);
  const quads = Math.ceil((n * m) / 4);
  return { kind: "dispatch", spec: linfStepSpec, params: { quads, stepSize, epsilon, direction, low, high }, buffers: [x0, gradient, x], workgroups: elementwiseGroups(linfStepSpec, quads) };
}
