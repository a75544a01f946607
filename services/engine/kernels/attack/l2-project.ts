import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, MAX_F32, requireRows, requireScalar, type Scalar } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attack/l2-project", lib: ["lib/grid"],
  params: { n: "u32", columns: "u32", epsilon: "f32", low: "f32", high: "f32" },
  reads: ["x0", "deltaNorm"], writes: ["x"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const l2ProjectSpec = specOf(4);
export const l2ProjectUnalignedSpec = specOf(1);

/**
 * x ← clip_[low,high]( x0 + (x − x0)·min(1, ε / ‖x − x0‖₂) ), per image.
 *
 * @param x         [n, m] f32, changed in place.
 * @param x0        [n, m] f32, clean images in [low, high].
 * @param deltaNorm [n] f32, ‖x − x0‖₂ from reduce/row-norm.
 * @param options   `epsilon` l2 radius in pixel units of [0, 1]; `low` and `high` default to 0 and 1.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (epsilon < 0, low > high).
 * @see shaders/attack/l2-project.wgsl
 */
export function l2Project(x: Tensor, x0: Tensor, deltaNorm: Tensor, { n, m, epsilon, low = 0, high = 1 }: { n: number; m: number; epsilon: Scalar; low?: number; high?: number }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? l2ProjectSpec : l2ProjectUnalignedSpec;
  requireRows(spec.name, n, m);
  requireElements(spec.name, "x0", x0, n * m);
  requireElements(spec.name, "deltaNorm", deltaNorm, n);
  requireElements(spec.name, "x", x, n * m);
  requireScalar(spec.name, "epsilon", epsilon, 0, MAX_F32);
  requireScalar(spec.name, "low", low, -MAX_F32, high);
  return { kind: "dispatch", spec, params: { n, columns: m / V, epsilon, low, high }, buffers: [x0, deltaNorm, x], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
