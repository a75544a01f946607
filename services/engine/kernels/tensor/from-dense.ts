import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { Planes } from "../../graph/physical.ts";
import { elementwiseGroups } from "../image-space.ts";
import { requirePlanes } from "./planes.ts";

export const fromDenseSpec: KernelSpec = {
  name: "tensor/from-dense", lib: ["lib/grid"], params: { quads: "u32", c: "u32", s: "u32" },
  reads: ["x"], writes: ["y"], constants: { WG: 8, PER: 16 },
};

/**
 * Dense to channels last in fours: what general operators return as an activation or features.
 *
 * @param x [n, c, s] f32.
 * @param y [n, s, pad4(c)] f32, output; may not alias x. The added lanes are 0.
 * @throws EngineError SHAPE_MISMATCH when a size is not a positive integer or a tensor is too small.
 * @see shaders/tensor/from-dense.wgsl
 */
export function fromDense(x: Tensor, y: Tensor, { n, c, s }: Planes): Dispatch {
  requirePlanes(fromDenseSpec.name, { n, c, s });
  requireElements(fromDenseSpec.name, "x", x, n * c * s);
  requireElements(fromDenseSpec.name, "y", y, n * s * pad4(c));
  const quads = (n * s * pad4(c)) / 4;
  return { kind: "dispatch", spec: fromDenseSpec, params: { quads, c, s }, buffers: [x, y], workgroups: elementwiseGroups(fromDenseSpec, quads) };
}
