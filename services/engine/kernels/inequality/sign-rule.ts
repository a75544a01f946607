import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";

export const signRuleSpec: KernelSpec = {
  name: "inequality/sign-rule", lib: ["lib/grid"], params: { quads: "u32", positive: "u32" },
  reads: ["map"], writes: ["y"], constants: { WG: 8, PER: 8 },
};

/** How a signed map becomes the non-negative values that the Gini index is defined for. */
export type SignRule = "absolute" | "positive";

/**
 * y = |map| or max(map, 0). For a map symmetric about 0, Gini(positive) = (1 + Gini(absolute)) / 2: never compare across rules.
 *
 * @param map [n] f32, signed.
 * @param y   [n] f32, output; may not alias map.
 * @param options `n` elements in all; `mode` "absolute" (the paper, Table 1) or "positive" (its code of April 2023).
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/inequality/sign-rule.wgsl
 */
export function signRule(map: Tensor, y: Tensor, { n, mode }: { n: number; mode: SignRule }): Dispatch {
  requirePositive(signRuleSpec.name, { n });
  requireElements(signRuleSpec.name, "map", map, n);
  requireElements(signRuleSpec.name, "y", y, n);
  const quads = Math.ceil(n / 4);
  return { kind: "dispatch", spec: signRuleSpec, params: { quads, positive: mode === "positive" ? 1 : 0 }, buffers: [map, y], workgroups: elementwiseGroups(signRuleSpec, quads) };
}
