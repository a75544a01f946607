import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { flatGrid } from "./flat.ts";

export const reluGradSpec: KernelSpec = {
  name: "elementwise/relu-grad",
  lib: ["lib/grid"],
  params: { quads: "u32" },
  reads: ["dy", "y"],
  writes: ["dx"],
  constants: { WG: 8, PER: 64 },
};

/**
 * dx = y > 0 ? dy : 0, elementwise: the gradient of relu, from what relu returned.
 *
 * @param dy [n] f32.
 * @param y  [n] f32, the output of relu (its input does as well).
 * @param dx [n] f32, output; may not alias dy or y.
 * @param n  elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function reluGrad(dy: Tensor, y: Tensor, dx: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(reluGradSpec, n, { dy, y, dx });
  return { kind: "dispatch", spec: reluGradSpec, params: { quads }, buffers: [dy, y, dx], workgroups };
}
