import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { countFields, countParams, type PoolGeometry, requirePool, windowFields, windowParams } from "./geometry.ts";

export const averagePoolGradSpec: KernelSpec = {
  name: "pool/average-pool-grad",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", ...windowFields, ...countFields },
  reads: ["dy"],
  writes: ["dx"],
  constants: { WG: 8, PER: 32 },
};

/**
 * The gradient of averagePool: each window shares its dy out equally.
 *
 * @param dy [n, oh, ow, C] f32, NHWC; padding lanes 0.
 * @param dx [n, h, w, C] f32, output: every element is written; may not alias dy.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("averagePool: …") or a tensor is too small.
 */
export function averagePoolGrad(dy: Tensor, dx: Tensor, g: PoolGeometry): Dispatch {
  const { quads, inputQuads: total } = requirePool("averagePool", averagePoolGradSpec, g, { dx }, { dy });
  const params = { total, quads, ...windowParams(g), ...countParams(g) };
  return { kind: "dispatch", spec: averagePoolGradSpec, params, buffers: [dy, dx], workgroups: elementwiseGroups(averagePoolGradSpec, total) };
}
