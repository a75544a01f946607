import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { matrixCount, type Product, productParams, productScalars } from "./product.ts";

/** Rows and columns per lane: few of either where the matrices have no more, so that lanes do not idle. */
const ROWS = [8, 32] as const;
const COLUMNS = [1, 4] as const;

export const matMulSubgroupSpecs: readonly KernelSpec[] = ([4, 8] as const).flatMap((lanes) => ROWS.flatMap((rows) => COLUMNS.map((columns): KernelSpec => ({
  name: "matmul/mat-mul-subgroup", lib: ["lib/grid", "lib/matrix-batch"], params: productParams, reads: ["a", "b"], writes: ["y"],
  constants: {}, template: { SG: lanes, ROWS: rows, COLUMNS: columns }, subgroups: true,
}))));

/**
 * One product, or the parts of one, for adapters whose subgroups have `lanes` lanes. Every tile adds in one order.
 *
 * @see shaders/matmul/mat-mul-subgroup.wgsl
 */
export function matMulSubgroup(lanes: 4 | 8, a: Tensor, b: Tensor, y: Tensor, shape: Product): Dispatch {
  const rows = shape.m <= ROWS[0] ? ROWS[0] : ROWS[1];
  const columns = shape.n <= 2 * lanes ? COLUMNS[0] : COLUMNS[1];
  const spec = matMulSubgroupSpecs.find(({ template: t }) => t!["SG"] === lanes && t!["ROWS"] === rows && t!["COLUMNS"] === columns)!;
  const workgroups = Math.ceil(shape.m / rows) * Math.ceil(shape.n / (lanes * columns)) * matrixCount(shape);
  return { kind: "dispatch", spec, params: productScalars(shape), buffers: [a, b, y], workgroups };
}
