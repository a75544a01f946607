import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";

export const rowNormSpec: KernelSpec = {
  name: "reduce/row-norm", lib: ["lib/grid", "lib/tree"], params: { n: "u32", m: "u32", subtract: "u32" },
  reads: ["a", "b"], writes: ["norm"], constants: { WG: 64 },
};

/**
 * ‖a − b‖₂ of each row, or ‖a‖₂ when b is null.
 *
 * @param a    [n, m] f32.
 * @param b    [n, m] f32, or null.
 * @param norm [n] f32, output; lengths below 1e-19 may read as 0 and values above 1e18 overflow, since squares are f32.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/reduce/row-norm.wgsl
 */
export function rowNorm(a: Tensor, b: Tensor | null, norm: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  const { name } = rowNormSpec;
  requireRows(name, n, m);
  requireElements(name, "a", a, n * m);
  if (b) requireElements(name, "b", b, n * m);
  requireElements(name, "norm", norm, n);
  return { kind: "dispatch", spec: rowNormSpec, params: { n, m, subtract: b ? 1 : 0 }, buffers: [a, b ?? a, norm], workgroups: n };
}
