import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";

export const rowCheckSpec: KernelSpec = {
  name: "reduce/row-check", lib: ["lib/grid", "lib/tree"], params: { n: "u32", m: "u32" },
  reads: ["x", "x0"], writes: ["y"], constants: { WG: 64 },
};

/** Floats per row of rowCheck's output, and what stands where; the rest is 0. */
export const ROW_CHECK = { width: 8, linf: 0, l2: 1, lowest: 2, highest: 3, nonFinite: 4 } as const;

/**
 * The facts that an attack's result must satisfy, per image: max|δ|, ‖δ‖₂, lowest and highest value of x, and how many
 * elements are NaN or infinite in x or x0. The first four leave those elements out, so look at the count first.
 *
 * @param x  [n, m] f32, perturbed images.
 * @param x0 [n, m] f32, clean images.
 * @param y  [n, 8] f32, output, laid out as ROW_CHECK says.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/reduce/row-check.wgsl
 */
export function rowCheck(x: Tensor, x0: Tensor, y: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  const { name } = rowCheckSpec;
  requireRows(name, n, m);
  requireElements(name, "x", x, n * m);
  requireElements(name, "x0", x0, n * m);
  requireElements(name, "y", y, n * ROW_CHECK.width);
  return { kind: "dispatch", spec: rowCheckSpec, params: { n, m }, buffers: [x, x0, y], workgroups: n };
}
