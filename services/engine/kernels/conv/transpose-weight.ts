import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { columnWeight } from "./column-weight.ts";
import { byColumns, columnPitch, type ConvGeometry, weightElements } from "./geometry.ts";

export const transposeWeightSpec: KernelSpec = {
  name: "conv/transpose-weight", lib: ["lib/grid"], params: { taps: "u32", c4: "u32", k4: "u32" }, reads: ["w"], writes: ["w_t"], constants: { WG: 8 },
};

/** Whether convGradInput wants the weight transposed; with several groups it reads the weight as it is. */
export function needsTranspose(g: ConvGeometry): boolean { return g.groups === 1; }

/** Elements of the transposed weight; 0 where none is needed. */
export function transposedElements(g: ConvGeometry): number {
  if (!needsTranspose(g)) return 0;
  return byColumns(g) ? pad4(g.k) * columnPitch(g) : weightElements(g);
}

/**
 * The weight as convGradInput reads it: wT[t, k, c] = w[t, c, k]; for a layer that goes by columns, wT[k, t·c + i] = w[t, i, k].
 *
 * @param w [kh·kw, C, K] f32.
 * @param wT transposedElements(g) f32, written whole, padding included: [kh·kw, K, C]; by columns [K, columnPitch(g)].
 * @throws EngineError SHAPE_MISMATCH when a tensor is too small or the geometry has groups.
 */
export function transposeWeight(g: ConvGeometry, w: Tensor, wT: Tensor): Dispatch {
  const { name, constants } = transposeWeightSpec;
  if (!needsTranspose(g)) throw new EngineError("SHAPE_MISMATCH", `${name}: expected one group, got ${g.groups}; pass the weight itself to convGradInput`, { groups: g.groups });
  if (byColumns(g)) return columnWeight(g, w, wT);
  requireElements(name, "w", w, weightElements(g));
  requireElements(name, "wT", wT, weightElements(g));
  const taps = g.kh * g.kw;
  const c4 = pad4(g.c) / 4;
  const k4 = pad4(g.k) / 4;
  return { kind: "dispatch", spec: transposeWeightSpec, params: { taps, c4, k4 }, buffers: [w, wT], workgroups: Math.ceil((taps * c4 * k4) / constants["WG"]!) };
}
