import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { countFields, countParams, type PoolGeometry, requirePool, windowFields, windowParams } from "./geometry.ts";

export const averagePoolSpec: KernelSpec = {
  name: "pool/average-pool",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", ...windowFields, ...countFields },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 32 },
};

/**
 * The mean of each window. Global average pooling: a window of [h, w].
 *
 * @param x [n, h, w, C] f32, NHWC.
 * @param y [n, oh, ow, C] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("averagePool: …") or a tensor is too small.
 */
export function averagePool(x: Tensor, y: Tensor, g: PoolGeometry): Dispatch {
  const { quads, outputQuads: total } = requirePool("averagePool", averagePoolSpec, g, { x }, { y });
  const params = { total, quads, ...windowParams(g), ...countParams(g) };
  return { kind: "dispatch", spec: averagePoolSpec, params, buffers: [x, y], workgroups: elementwiseGroups(averagePoolSpec, total) };
}
