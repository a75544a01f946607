import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import type { BinaryFunction } from "../../graph/operations/broadcast.ts";
import { binaryCode } from "./binary-functions.ts";
import { flatGrid } from "./flat.ts";

export const binarySpec: KernelSpec = {
  name: "elementwise/binary",
  lib: ["lib/grid", "lib/binary"],
  params: { quads: "u32" },
  reads: ["a", "b"],
  writes: ["y"],
  constants: { WG: 8, PER: 64, FN: 0 },
};

/**
 * y = f(a, b), elementwise: tensors of one shape and layout.
 *
 * @param a, b [n] f32; may be the same tensor.
 * @param y    [n] f32, output; may not alias a or b.
 * @param n    elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function binary(fn: BinaryFunction, a: Tensor, b: Tensor, y: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(binarySpec, n, { a, b, y });
  const spec = { ...binarySpec, constants: { ...binarySpec.constants, FN: binaryCode(fn) } };
  return { kind: "dispatch", spec, params: { quads }, buffers: [a, b, y], workgroups };
}
