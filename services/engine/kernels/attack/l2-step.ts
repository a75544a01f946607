import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, MAX_F32, requireDirection, requireRows, requireScalar, type Scalar } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attack/l2-step", lib: ["lib/grid"],
  params: { n: "u32", columns: "u32", stepSize: "f32", direction: "f32" },
  reads: ["gradient", "gradientNorm"], writes: ["x"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const l2StepSpec = specOf(4);
export const l2StepUnalignedSpec = specOf(1);

/**
 * x ← x + direction·stepSize·g / (‖g‖₂ + 1e-10), per image; project (attack/l2-project) afterwards.
 *
 * @param x            [n, m] f32, changed in place.
 * @param gradient     [n, m] f32, at x. Its own scale does not matter until its length nears 1e-10.
 * @param gradientNorm [n] f32, from reduce/row-norm.
 * @param options      `stepSize` l2 length in pixel units of [0, 1]; `direction` +1 ascends, -1 descends.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (negative step, a direction other than ±1).
 * @see shaders/attack/l2-step.wgsl
 */
export function l2Step(x: Tensor, gradient: Tensor, gradientNorm: Tensor, { n, m, stepSize, direction }: { n: number; m: number; stepSize: Scalar; direction: 1 | -1 }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? l2StepSpec : l2StepUnalignedSpec;
  requireRows(spec.name, n, m);
  requireElements(spec.name, "gradient", gradient, n * m);
  requireElements(spec.name, "gradientNorm", gradientNorm, n);
  requireElements(spec.name, "x", x, n * m);
  requireScalar(spec.name, "stepSize", stepSize, 0, MAX_F32);
  requireDirection(spec.name, direction);
  return { kind: "dispatch", spec, params: { n, columns: m / V, stepSize, direction }, buffers: [gradient, gradientNorm, x], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
