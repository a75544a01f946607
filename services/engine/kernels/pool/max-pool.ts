import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type PoolGeometry, requirePool, windowParams } from "./geometry.ts";

export const maxPoolSpec: KernelSpec = {
  name: "pool/max-pool",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", h: "u32", w: "u32", oh: "u32", ow: "u32", window: "u32", window_width: "u32", stride: "u32", padding: "u32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 4 },
};

/**
 * The largest cell of each window; cells outside the image never win.
 *
 * @param x [n, h, w, C] f32, NHWC.
 * @param y [n, oh, ow, C] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("maxPool: …") or a tensor is too small.
 */
export function maxPool(x: Tensor, y: Tensor, g: PoolGeometry): Dispatch {
  const { quads, outputQuads: total } = requirePool("maxPool", maxPoolSpec, g, { x }, { y });
  return { kind: "dispatch", spec: maxPoolSpec, params: { total, quads, ...windowParams(g) }, buffers: [x, y], workgroups: elementwiseGroups(maxPoolSpec, total) };
}
