import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type PoolGeometry, requirePool, windowFields, windowParams } from "./geometry.ts";
import { isDisjoint, maxPoolGradDisjoint, type MaxPoolGradOptions } from "./max-pool-grad-disjoint.ts";

export const maxPoolGradSpec: KernelSpec = {
  name: "pool/max-pool-grad",
  lib: ["lib/grid"],
  params: { total: "u32", quads: "u32", ...windowFields, relu: "u32" },
  reads: ["x", "y", "dy"],
  writes: ["dx"],
  constants: { WG: 8, PER: 32, DILATION_Y: 1, DILATION_X: 1 },
};

/**
 * The gradient of maxPool, and of a ReLU before it: each window gives its dy to its first maximum in row-major order
 * (PyTorch's rule). Windows that tile the image take the kernel pool/max-pool-grad-disjoint, which gives the same bits.
 *
 * @param x  [n, h, w, C] f32, the input of maxPool.
 * @param y  [n, oh, ow, C] f32, its output, to the bit.
 * @param dy [n, oh, ow, C] f32; padding lanes 0.
 * @param dx [n, h, w, C] f32, output: every element is written; may not alias the others.
 * @throws EngineError SHAPE_MISMATCH when the geometry is impossible ("maxPool: …") or a tensor is too small.
 */
export function maxPoolGrad(x: Tensor, y: Tensor, dy: Tensor, dx: Tensor, g: PoolGeometry, { relu = false }: MaxPoolGradOptions = {}): Dispatch {
  const { quads, inputQuads: total } = requirePool("maxPool", maxPoolGradSpec, g, { x, dx }, { y, dy });
  if (isDisjoint(g)) return maxPoolGradDisjoint(x, dy, dx, g, { relu });
  const spec = { ...maxPoolGradSpec, constants: { ...maxPoolGradSpec.constants, DILATION_Y: g.dilation[0], DILATION_X: g.dilation[1] } };
  return { kind: "dispatch", spec, params: { total, quads, ...windowParams(g), relu: Number(relu) }, buffers: [x, y, dy, dx], workgroups: elementwiseGroups(spec, total) };
}
