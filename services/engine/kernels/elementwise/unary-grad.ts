import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import type { UnaryFunction } from "../../graph/operations/elementwise.ts";
import { flatGrid } from "./flat.ts";
import { unaryCode } from "./unary-functions.ts";

export const unaryGradSpec: KernelSpec = {
  name: "elementwise/unary-grad",
  lib: ["lib/grid", "lib/unary"],
  params: { quads: "u32", p0: "f32", p1: "f32", p2: "f32" },
  reads: ["dy", "x"],
  writes: ["dx"],
  constants: { WG: 8, PER: 64, FN: 0 },
};

/**
 * dx = f'(x)·dy, elementwise; 0 where dy is 0.
 *
 * @param fn what f is.
 * @param dy [n] f32.
 * @param x  [n] f32, what f was given.
 * @param dx [n] f32, output; may not alias dy or x.
 * @param n  elements; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small; VALUE_RANGE.
 */
export function unaryGrad(fn: UnaryFunction, dy: Tensor, x: Tensor, dx: Tensor, n: number): Dispatch {
  const { quads, workgroups } = flatGrid(unaryGradSpec, n, { dy, x, dx });
  const { FN, ...params } = unaryCode(unaryGradSpec.name, fn);
  const spec = { ...unaryGradSpec, constants: { ...unaryGradSpec.constants, FN } };
  return { kind: "dispatch", spec, params: { quads, ...params }, buffers: [dy, x, dx], workgroups };
}
