import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, requireRows, requireType } from "../image-space.ts";

export const invertRowsSpec: KernelSpec = {
  name: "reduce/invert-rows", lib: ["lib/grid"], params: { n: "u32", m: "u32" },
  reads: ["order"], writes: ["rank"], constants: { WG: 8, PER: 16 },
};

/**
 * rank[i, order[i, p]] = p.
 *
 * @param order [n, m] u32, each row a permutation of 0 … m−1; may not alias rank.
 * @param rank  [n, m] u32, output.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/reduce/invert-rows.wgsl
 */
export function invertRows(order: Tensor, rank: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  const { name } = invertRowsSpec;
  requireRows(name, n, m);
  for (const [label, tensor] of Object.entries({ order, rank })) {
    requireType(name, label, tensor, "u32");
    requireElements(name, label, tensor, n * m);
  }
  return { kind: "dispatch", spec: invertRowsSpec, params: { n, m }, buffers: [order, rank], workgroups: elementwiseGroups(invertRowsSpec, n * m) };
}
