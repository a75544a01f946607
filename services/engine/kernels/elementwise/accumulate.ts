import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { flatGrid } from "./flat.ts";

export const accumulateSpec: KernelSpec = {
  name: "elementwise/accumulate",
  lib: ["lib/grid"],
  params: { quads: "u32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

/**
 * y += x, in place: the gradients of a batch's parts add up to the batch's.
 *
 * @param x [n] f32.
 * @param y [n] f32, in place; may not alias x.
 * @param n elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function accumulate(x: Tensor, y: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(accumulateSpec, n, { x, y });
  return { kind: "dispatch", spec: accumulateSpec, params: { quads }, buffers: [x, y], workgroups };
}
