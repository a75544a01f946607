import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { describePair, describeSides } from "../window.ts";
import { type PoolGeometry, requirePool, runGroups } from "./geometry.ts";

export const maxPoolGradDisjointSpec: KernelSpec = {
  name: "pool/max-pool-grad-disjoint",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", ow: "u32", relu: "u32" },
  reads: ["x", "dy"],
  writes: ["dx"],
  constants: { WG: 8, PER: 64, WINDOW: 2 },
};

/** Do square windows tile the image exactly, each cell in one window? */
export function isDisjoint({ h, w, oh, ow, window: [window, width], stride, padding, dilation }: PoolGeometry): boolean {
  return width === window && stride.every((v) => v === window) && padding.every((v) => v === 0) && dilation.every((v) => v === 1) && h === oh * window && w === ow * window;
}

export interface MaxPoolGradOptions {
  /** x is what a ReLU returned, and dx the gradient of what that read: 0 where x ≤ 0. Default false. */
  readonly relu?: boolean;
}

/**
 * maxPoolGrad where `isDisjoint(g)`; one visit per window instead of one per cell, and no need of y.
 *
 * @param x  [n, h, w, C] f32, the input of maxPool.
 * @param dy [n, oh, ow, C] f32; padding lanes 0.
 * @param dx [n, h, w, C] f32, output: every element is written; may not alias the others.
 * @throws EngineError SHAPE_MISMATCH when windows overlap or leave cells out, the geometry is impossible or a tensor is too small.
 */
export function maxPoolGradDisjoint(x: Tensor, dy: Tensor, dx: Tensor, g: PoolGeometry, { relu = false }: MaxPoolGradOptions = {}): Dispatch {
  const { quads } = requirePool("maxPool", maxPoolGradDisjointSpec, g, { x, dx }, { dy });
  if (!isDisjoint(g)) {
    throw new EngineError("SHAPE_MISMATCH", `pool/max-pool-grad-disjoint: expected windows that tile ${g.h}×${g.w} exactly, got window ${describePair(g.window)}, stride ${describePair(g.stride)}, padding ${describeSides(g.padding)}, dilation ${describePair(g.dilation)}; call maxPoolGrad`, { ...g });
  }
  const spec = { ...maxPoolGradDisjointSpec, constants: { ...maxPoolGradDisjointSpec.constants, WINDOW: g.window[0] } };
  return { kind: "dispatch", spec, params: { rows: g.n * g.oh, quads, ow: g.ow, relu: Number(relu) }, buffers: [x, dy, dx], workgroups: runGroups(spec, g, quads) };
}
