import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { columnPitch, type ConvGeometry, weightElements } from "./geometry.ts";

export const columnWeightSpec: KernelSpec = {
  name: "conv/column-weight", lib: ["lib/grid"], params: { taps: "u32", c: "u32", k: "u32", columns4: "u32" }, reads: ["w"], writes: ["w_t"], constants: { WG: 8 },
};

/**
 * wT[k, t·c + i] = w[t, i, k], for the gradient of the input by columns.
 *
 * @param w [kh·kw, 4, K] f32.
 * @param wT [K, columnPitch(g)] f32, written whole, padding included.
 * @throws EngineError SHAPE_MISMATCH when a tensor is too small, or the layer has groups or more than four input channels.
 */
export function columnWeight(g: ConvGeometry, w: Tensor, wT: Tensor): Dispatch {
  const { name, constants } = columnWeightSpec;
  if (g.c > 4 || g.groups > 1) throw new EngineError("SHAPE_MISMATCH", `${name}: expected one group of at most 4 channels, got ${g.groups} of ${g.c / g.groups}`, { c: g.c, groups: g.groups });
  const [k, columns4] = [pad4(g.k), columnPitch(g) / 4];
  requireElements(name, "w", w, weightElements(g));
  requireElements(name, "wT", wT, 4 * k * columns4);
  return { kind: "dispatch", spec: columnWeightSpec, params: { taps: g.kh * g.kw, c: g.c, k, columns4 }, buffers: [w, wT], workgroups: Math.ceil((k * columns4) / constants["WG"]!) };
}
