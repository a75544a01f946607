import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, requireRows } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attack/clamp-rows", lib: ["lib/grid"], params: { n: "u32", columns: "u32" },
  reads: ["low", "high"], writes: ["x"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const clampRowsSpec = specOf(4);
export const clampRowsUnalignedSpec = specOf(1);

/**
 * Cuts each row to bounds of its own, such as the range of the clean image.
 *
 * @param x    [n, m] f32, changed in place.
 * @param low  [n] f32.
 * @param high [n] f32, not below low.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attack/clamp-rows.wgsl
 */
export function clampRows(x: Tensor, low: Tensor, high: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? clampRowsSpec : clampRowsUnalignedSpec;
  requireRows(spec.name, n, m);
  requireElements(spec.name, "x", x, n * m);
  requireElements(spec.name, "low", low, n);
  requireElements(spec.name, "high", high, n);
  return { kind: "dispatch", spec, params: { n, columns: m / V }, buffers: [low, high, x], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
