import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import type { UnaryFunction } from "../../graph/operations/elementwise.ts";
import { flatGrid } from "./flat.ts";
import { unaryCode } from "./unary-functions.ts";

export const unarySpec: KernelSpec = {
  name: "elementwise/unary",
  lib: ["lib/grid", "lib/unary"],
  params: { quads: "u32", p0: "f32", p1: "f32", p2: "f32" },
  reads: ["x"],
  writes: ["y"],
  constants: { WG: 8, PER: 64, FN: 0 },
};

/**
 * y = f(x), elementwise.
 *
 * @param fn what f is.
 * @param x  [n] f32, in the domain of f.
 * @param y  [n] f32, output; may not alias x.
 * @param n  elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small; VALUE_RANGE.
 */
export function unary(fn: UnaryFunction, x: Tensor, y: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(unarySpec, n, { x, y });
  const { FN, ...params } = unaryCode(unarySpec.name, fn);
  const spec = { ...unarySpec, constants: { ...unarySpec.constants, FN } };
  return { kind: "dispatch", spec, params: { quads, ...params }, buffers: [x, y], workgroups };
}
