import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { Planes } from "../../graph/physical.ts";
import { elementwiseGroups } from "../image-space.ts";
import { requirePlanes } from "./planes.ts";

export const toDenseSpec: KernelSpec = {
  name: "tensor/to-dense", lib: ["lib/grid"], params: { quads: "u32", c: "u32", s: "u32" },
  reads: ["x"], writes: ["y"], constants: { WG: 8, PER: 16 },
};

/**
 * Channels last in fours to dense: an activation or features as general operators read them.
 *
 * @param x [n, s, pad4(c)] f32.
 * @param y [n, c, s] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when a size is not a positive integer or a tensor is too small.
 * @see shaders/tensor/to-dense.wgsl
 */
export function toDense(x: Tensor, y: Tensor, { n, c, s }: Planes): Dispatch {
  requirePlanes(toDenseSpec.name, { n, c, s });
  requireElements(toDenseSpec.name, "x", x, n * s * pad4(c));
  requireElements(toDenseSpec.name, "y", y, n * c * s);
  const quads = (n * s * pad4(c)) / 4;
  return { kind: "dispatch", spec: toDenseSpec, params: { quads, c, s }, buffers: [x, y], workgroups: elementwiseGroups(toDenseSpec, quads) };
}
