import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";

export const reluSpec: KernelSpec = {
  name: "elementwise/relu",
  lib: ["lib/grid"],
  params: { quads: "u32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

/**
 * y = max(x, 0), elementwise.
 *
 * @param x [n] f32.
 * @param y [n] f32, output; may not alias x.
 * @param n elements; the last vec4 is written whole, so both buffers must be padded to 4 (every Tensor's buffer is).
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 * @see shaders/elementwise/relu.wgsl
 */
export function relu(x: Tensor, y: Tensor, n: number): Dispatch {
  requirePositive(reluSpec.name, { n });
  requireElements(reluSpec.name, "x", x, n);
  requireElements(reluSpec.name, "y", y, n);
  const quads = Math.ceil(n / 4);
  const { WG, PER } = reluSpec.constants as { WG: number; PER: number };
  return { kind: "dispatch", spec: reluSpec, params: { quads }, buffers: [x, y], workgroups: Math.ceil(quads / (WG * PER)) };
}
