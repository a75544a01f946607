import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";

export const rowSumSpec: KernelSpec = {
  name: "attribution/row-sum", lib: ["lib/grid", "lib/tree"], params: { n: "u32", m: "u32" },
  reads: ["map"], writes: ["y"], constants: { WG: 64 },
};

/**
 * Sum of each row: for a path attribution, what completeness compares with f(x) − f(baseline).
 *
 * @param map [n, m] f32.
 * @param y   [n] f32, output.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attribution/row-sum.wgsl
 */
export function rowSum(map: Tensor, y: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  requireRows(rowSumSpec.name, n, m);
  requireElements(rowSumSpec.name, "map", map, n * m);
  requireElements(rowSumSpec.name, "y", y, n);
  return { kind: "dispatch", spec: rowSumSpec, params: { n, m }, buffers: [map, y], workgroups: n };
}
