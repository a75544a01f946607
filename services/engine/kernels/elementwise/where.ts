import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { flatGrid } from "./flat.ts";

export const whereSpec: KernelSpec = {
  name: "elementwise/where",
  lib: ["lib/grid"],
  params: { quads: "u32" },
  reads: ["condition", "a", "b"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

/**
 * y = a where the condition is not 0, else b; elementwise.
 *
 * @param condition, a, b [n] f32.
 * @param y [n] f32, output; may not alias what it reads.
 * @param n elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function where(condition: Tensor, a: Tensor, b: Tensor, y: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(whereSpec, n, { condition, a, b, y });
  return { kind: "dispatch", spec: whereSpec, params: { quads }, buffers: [condition, a, b, y], workgroups };
}
