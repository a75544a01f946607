import type { KernelFamily } from "../../gpu/device.ts";
import type { Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { sumParts } from "../reduce/sum-parts.ts";
import { matMulSubgroup } from "./mat-mul-subgroup.ts";
import { matMulTiled } from "./mat-mul-tiled.ts";
import { operandElements, partsOf, type Product, productScratch, resultElements } from "./product.ts";

/**
 * y = a · b for dense row-major matrices of any size, batched; either operand may be stored transposed. Long sums are cut in
 * parts at places that the shapes alone decide, and the parts added in order: no result depends on the adapter's load, and
 * a row's bits do not depend on the batch that it lies in.
 *
 * @param y       f32, output; may not alias a or b.
 * @param scratch at least productScratch(shape) elements; may be omitted when that is 0.
 * @throws EngineError SHAPE_MISMATCH when a tensor is too small.
 */
export function matMul(family: KernelFamily, a: Tensor, b: Tensor, y: Tensor, shape: Product, scratch?: Tensor): Step[] {
  requireElements("matmul", "a", a, operandElements(shape, "a"));
  requireElements("matmul", "b", b, operandElements(shape, "b"));
  requireElements("matmul", "y", y, resultElements(shape));
  const parts = partsOf(shape);
  if (parts === 1) return [launch(family, a, b, y, shape)];
  const room = scratch ?? { ...y, bytes: 0, shape: [0], label: "none given" };
  requireElements("matmul", "scratch", room, productScratch(shape));
  return [launch(family, a, b, room, shape), sumParts(room, y, { parts, n: resultElements(shape) })];
}

function launch(family: KernelFamily, a: Tensor, b: Tensor, y: Tensor, shape: Product): Step {
  return family.kind === "subgroup" ? matMulSubgroup(family.size, a, b, y, shape) : matMulTiled(a, b, y, shape);
}
