import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, weightElements } from "./geometry.ts";

export const winogradWeightSpec: KernelSpec = {
  name: "conv/winograd-weight", lib: ["lib/grid"], params: { rows: "u32", columns4: "u32", adjoint: "u32" }, reads: ["w"], writes: ["u"], constants: { WG: 64 }, template: {},
};

/** f32 elements of a transformed weight: 16 for each 9. */
export function winogradWeightElements({ c, k }: Pick<ConvGeometry, "c" | "k">): number { return 16 * pad4(c) * pad4(k); }

/**
 * u = G g Gᵀ of every 3×3 filter.
 *
 * @param g a 3×3 convolution without groups.
 * @param w [9, C, K] f32, the layer's weight.
 * @param u winogradWeightElements(g) f32, written whole: [16, C, K], or for the gradient of the input (`adjoint`) [16, K, C].
 * @throws EngineError SHAPE_MISMATCH when a tensor is too small.
 * @see shaders/conv/winograd-weight.wgsl
 */
export function winogradWeight(g: ConvGeometry, w: Tensor, u: Tensor, { adjoint }: { readonly adjoint: boolean }): Dispatch {
  const { name, constants } = winogradWeightSpec;
  requireElements(name, "w", w, weightElements(g));
  requireElements(name, "u", u, winogradWeightElements(g));
  const [rows, columns] = adjoint ? [pad4(g.k), pad4(g.c)] : [pad4(g.c), pad4(g.k)];
  const params = { rows, columns4: columns / 4, adjoint: Number(adjoint) };
  return { kind: "dispatch", spec: winogradWeightSpec, params, buffers: [w, u], workgroups: Math.ceil((rows * params.columns4) / constants["WG"]!) };
}
