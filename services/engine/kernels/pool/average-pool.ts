import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type PoolGeometry, requirePool, windowParams } from "./geometry.ts";

export const averagePoolSpec: KernelSpec = {
  name: "pool/average-pool",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", h: "u32", w: "u32", oh: "u32", ow: "u32", window: "u32", window_width: "u32", stride: "u32", padding: "u32", count_padding: "u32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 32 },
};

/**
 * The mean of each window. Global average pooling: window = h, windowWidth = w.
 *
 * @param x [n, h, w, C] f32, NHWC.
 * @param y [n, oh, ow, C] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("averagePool: …") or a tensor is too small.
 */
export function averagePool(x: Tensor, y: Tensor, g: PoolGeometry): Dispatch {
  const { quads, outputQuads: total } = requirePool("averagePool", averagePoolSpec, g, { x }, { y });
  const params = { total, quads, ...windowParams(g), count_padding: Number(g.countIncludePad) };
  return { kind: "dispatch", spec: averagePoolSpec, params, buffers: [x, y], workgroups: elementwiseGroups(averagePoolSpec, total) };
}
