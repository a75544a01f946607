import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, requireRows } from "../image-space.ts";

export const pathFinishSpec: KernelSpec = {
  name: "attribution/path-finish", lib: ["lib/grid"], params: { quads: "u32" },
  reads: ["sum", "x", "baseline"], writes: ["map"], constants: { WG: 8, PER: 8 },
};

/**
 * map = (x − baseline)∘sum: the last factor of integrated gradients; with a zero baseline and the plain gradient it is
 * input × gradient.
 *
 * @param sum      [n, m] f32, weighted mean gradient along the path, or a gradient.
 * @param x        [n, m] f32.
 * @param baseline [n, m] f32.
 * @param map      [n, m] f32, output, signed.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attribution/path-finish.wgsl
 */
export function pathFinish(sum: Tensor, x: Tensor, baseline: Tensor, map: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  requireRows(pathFinishSpec.name, n, m);
  for (const [label, tensor] of Object.entries({ sum, x, baseline, map })) requireElements(pathFinishSpec.name, label, tensor, n * m);
  const quads = Math.ceil((n * m) / 4);
  return { kind: "dispatch", spec: pathFinishSpec, params: { quads }, buffers: [sum, x, baseline, map], workgroups: elementwiseGroups(pathFinishSpec, quads) };
}
