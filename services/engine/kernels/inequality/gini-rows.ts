import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";

export const giniRowsSpec: KernelSpec = {
  name: "inequality/gini-rows", lib: ["lib/grid", "lib/tree"], params: { n: "u32", m: "u32" },
  reads: ["sorted"], writes: ["y"], constants: { WG: 256 },
};

/** What giniRows gives for a row that has no Gini index: a value in it is negative, infinite or NaN. */
export const GINI_UNDEFINED = -1;

/**
 * Gini index of each row, equation (4) of the paper: 0 for equal values and for a row of zeros, 1 − 1/m for a single
 * non-zero value.
 *
 * @param sorted [n, m] f32, each row ascending (reduce/sort-rows) and non-negative.
 * @param y      [n] f32, output; GINI_UNDEFINED where the row is not finite and non-negative.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/inequality/gini-rows.wgsl
 */
export function giniRows(sorted: Tensor, y: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  requireRows(giniRowsSpec.name, n, m);
  requireElements(giniRowsSpec.name, "sorted", sorted, n * m);
  requireElements(giniRowsSpec.name, "y", y, n);
  return { kind: "dispatch", spec: giniRowsSpec, params: { n, m }, buffers: [sorted, y], workgroups: n };
}
