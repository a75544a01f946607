import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";

export const toHalfSpec: KernelSpec = {
  name: "conv/to-half", lib: ["lib/grid"], params: { quads: "u32" }, reads: ["x"], writes: ["y"], constants: { WG: 64 },
};

/** f32 elements of room that n f16 take. */
export function halfElements(n: number): number { return n / 2; }

/**
 * y = x rounded to f16, for products whose operands are stored so.
 *
 * @param x [n] f32.
 * @param y room for halfElements(n) f32; may not alias x.
 * @param n elements, a multiple of 4.
 * @throws EngineError SHAPE_MISMATCH when a size does not fit.
 * @see shaders/conv/to-half.wgsl
 */
export function toHalf(x: Tensor, y: Tensor, n: number): Dispatch {
  const { name, constants } = toHalfSpec;
  requirePositive(name, { n });
  if (n % 4 !== 0) throw new EngineError("SHAPE_MISMATCH", `${name}: expected n to be a multiple of 4, got ${n}`, { n });
  requireElements(name, "x", x, n);
  requireElements(name, "y", y, halfElements(n));
  return { kind: "dispatch", spec: toHalfSpec, params: { quads: n / 4 }, buffers: [x, y], workgroups: Math.ceil(n / 4 / constants["WG"]!) };
}
