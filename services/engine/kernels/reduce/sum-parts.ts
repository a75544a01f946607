import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";

export const sumPartsSpec: KernelSpec = {
  name: "reduce/sum-parts", lib: ["lib/grid"], params: { n: "u32", parts: "u32" }, reads: ["part"], writes: ["y"], constants: { WG: 8 },
};

/**
 * y = Σ of `parts` partial sums, in order. Unlike conv/sum-slices it takes any n and writes not one element more: what
 * follows a parameter's gradient in memory must stay 0.
 *
 * @param part [parts, n] f32.
 * @param y    [n] f32, output; may not alias part.
 * @throws EngineError SHAPE_MISMATCH when a size does not fit.
 * @see shaders/reduce/sum-parts.wgsl
 */
export function sumParts(part: Tensor, y: Tensor, { parts, n }: { readonly parts: number; readonly n: number }): Dispatch {
  const { name } = sumPartsSpec;
  requirePositive(name, { parts, n });
  requireElements(name, "part", part, parts * n);
  requireElements(name, "y", y, n);
  return { kind: "dispatch", spec: sumPartsSpec, params: { n, parts }, buffers: [part, y], workgroups: elementwiseGroups(sumPartsSpec, n) };
}
