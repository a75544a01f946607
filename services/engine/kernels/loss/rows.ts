import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { elementwiseGroups, requireType } from "../image-space.ts";

/** A batch of n images with k classes each. */
export interface LogitShape {
  readonly n: number;
  readonly k: number;
}

/**
 * Checks a kernel that takes one image per invocation: `matrices` hold [n, K], `vectors` [n] (labels and prediction u32).
 *
 * @returns the params n, k, stride (= K), and the grid.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function requireRows(spec: KernelSpec, { n, k }: LogitShape, matrices: Readonly<Record<string, Tensor>>, vectors: Readonly<Record<string, Tensor>>): { params: { n: number; k: number; stride: number }; workgroups: number } {
  requirePositive(spec.name, { n, k });
  for (const [name, tensor] of Object.entries(matrices)) requireElements(spec.name, name, tensor, n * pad4(k));
  for (const [name, tensor] of Object.entries(vectors)) {
    requireElements(spec.name, name, tensor, n);
    if (name === "labels" || name === "prediction") requireType(spec.name, name, tensor, "u32");
  }
  return { params: { n, k, stride: pad4(k) }, workgroups: elementwiseGroups(spec, n) };
}
