import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { flatGrid } from "./flat.ts";

export const addSpec: KernelSpec = {
  name: "elementwise/add",
  lib: ["lib/grid"],
  params: { quads: "u32" },
  reads: ["a", "b"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

/**
 * y = a + b, elementwise: residual connections, and the sum of gradients where a value is used twice.
 *
 * @param a, b [n] f32; may be the same tensor.
 * @param y    [n] f32, output; may not alias a or b.
 * @param n    elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function add(a: Tensor, b: Tensor, y: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(addSpec, n, { a, b, y });
  return { kind: "dispatch", spec: addSpec, params: { quads }, buffers: [a, b, y], workgroups };
}
