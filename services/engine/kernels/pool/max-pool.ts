import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type PoolGeometry, requirePool, runGroups } from "./geometry.ts";

export const maxPoolSpec: KernelSpec = {
  name: "pool/max-pool",
  lib: ["lib/grid"],
  params: { rows: "u32", quads: "u32", h: "u32", w: "u32", oh: "u32", ow: "u32", stride_y: "u32", stride_x: "u32", top: "u32", left: "u32", dilation_y: "u32", dilation_x: "u32" },
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
  const { n, h, w, oh, ow, window, stride, padding: [top, left], dilation } = g;
  const { quads } = requirePool("maxPool", maxPoolSpec, g, { x }, { y });
  const spec = { ...maxPoolSpec, constants: { ...maxPoolSpec.constants, WINDOW: window[0], WINDOW_WIDTH: window[1] } };
  const params = { rows: n * oh, quads, h, w, oh, ow, stride_y: stride[0], stride_x: stride[1], top, left, dilation_y: dilation[0], dilation_x: dilation[1] };
  return { kind: "dispatch", spec, params, buffers: [x, y], workgroups: runGroups(spec, g, quads) };
}
