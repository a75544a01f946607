import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, requireRows, requireType } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attribution/path-accumulate", lib: ["lib/grid"], params: { n: "u32", columns: "u32", rows: "u32", squared: "u32" },
  reads: ["gradient", "weight", "firstRow", "rowCount"], writes: ["sum"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const pathAccumulateSpec = specOf(4);
export const pathAccumulateUnalignedSpec = specOf(1);

/** Which rows of a batch belong to which image. */
export interface RowRanges {
  /** [n] u32, first row of each image. */
  readonly firstRow: Tensor;
  /** [n] u32, how many rows; 0 leaves the image's sum as it is. */
  readonly rowCount: Tensor;
}

/**
 * sum_i ← sum_i + Σ_j w_j·g_j (or w_j·g_j² when `squared`) over the rows of image i, one after the other in ascending
 * order from the stored value: however the rows are split over launches, the bits are the same.
 *
 * @param gradient [rows, m] f32, one row per path point or sample.
 * @param weight   [rows] f32, quadrature weight, or 1 / samples.
 * @param sum      [n, m] f32, changed in place; clear it first.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attribution/path-accumulate.wgsl
 */
export function pathAccumulate(gradient: Tensor, weight: Tensor, { firstRow, rowCount }: RowRanges, sum: Tensor, { n, m, rows, squared = false }: { n: number; m: number; rows: number; squared?: boolean }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? pathAccumulateSpec : pathAccumulateUnalignedSpec;
  requirePositive(spec.name, { rows });
  requireRows(spec.name, Math.max(n, rows), m);
  requireRows(spec.name, n, m);
  for (const [label, tensor] of Object.entries({ firstRow, rowCount })) {
    requireType(spec.name, label, tensor, "u32");
    requireElements(spec.name, label, tensor, n);
  }
  requireElements(spec.name, "gradient", gradient, rows * m);
  requireElements(spec.name, "weight", weight, rows);
  requireElements(spec.name, "sum", sum, n * m);
  const params = { n, columns: m / V, rows, squared: squared ? 1 : 0 };
  return { kind: "dispatch", spec, params, buffers: [gradient, weight, firstRow, rowCount, sum], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
