import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { EngineError } from "../../errors.ts";

export const sumSlicesSpec: KernelSpec = {
  name: "conv/sum-slices", lib: ["lib/grid"], params: { quads: "u32", slices: "u32" }, reads: ["part"], writes: ["y"], constants: { WG: 8 },
};

/**
 * y = Σ of `slices` partial sums, in order.
 *
 * @param part [slices, n] f32.
 * @param y [n] f32; may not alias part.
 * @param n elements, a multiple of 4.
 * @throws EngineError SHAPE_MISMATCH when a size does not fit.
 * @see shaders/conv/sum-slices.wgsl
 */
export function sumSlices(part: Tensor, y: Tensor, { slices, n }: { slices: number; n: number }): Dispatch {
  const { name, constants } = sumSlicesSpec;
  requirePositive(name, { slices, n });
  if (n % 4 !== 0) throw new EngineError("SHAPE_MISMATCH", `${name}: expected n to be a multiple of 4, got ${n}`, { n });
  requireElements(name, "part", part, slices * n);
  requireElements(name, "y", y, n);
  return { kind: "dispatch", spec: sumSlicesSpec, params: { quads: n / 4, slices }, buffers: [part, y], workgroups: Math.ceil(n / 4 / constants["WG"]!) };
}
