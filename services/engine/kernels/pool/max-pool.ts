import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type PoolGeometry, requirePool, runGroups } from "./geometry.ts";

export const maxPoolSpec: KernelSpec = {
  name: "pool/max-pool",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", h: "u32", w: "u32", oh: "u32", ow: "u32", stride: "u32", padding: "u32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 64, WINDOW: 2, WINDOW_WIDTH: 2 },
};

/**
 * The largest cell of each window; cells outside the image never win.
 *
 * @param x [n, h, w, C] f32, NHWC.
 * @param y [n, oh, ow, C] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("maxPool: …") or a tensor is too small.
 */
export function maxPool(x: Tensor, y: Tensor, g: PoolGeometry): Dispatch {
  const { n, h, w, oh, ow, window, windowWidth = window, stride, padding } = g;
  const { quads } = requirePool("maxPool", maxPoolSpec, g, { x }, { y });
  const spec = { ...maxPoolSpec, constants: { ...maxPoolSpec.constants, WINDOW: window, WINDOW_WIDTH: windowWidth } };
  return { kind: "dispatch", spec, params: { rows: n * oh, quads, h, w, oh, ow, stride, padding }, buffers: [x, y], workgroups: runGroups(spec, g, quads) };
}
