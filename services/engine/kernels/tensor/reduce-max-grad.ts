import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type Reduced, reducedWalk } from "./reduced.ts";
import { reach, WALK_PARAMS } from "./walk.ts";

export const reduceMaxGradSpec: KernelSpec = {
  name: "tensor/reduce-max-grad", lib: ["lib/grid", "lib/walk"],
  params: { outputs: "u32", count: "u32", ...WALK_PARAMS },
  reads: ["dy", "y", "x"], writes: ["dx"], constants: { WG: 8, RANK: 6 }, template: {},
};

/**
 * The gradient of a maximum over axes: dy at the first element that is the maximum, 0 elsewhere.
 *
 * @param dy, y f32: the axes that stay, row-major.
 * @param x     f32, as `of` says.
 * @param dx    f32, output; as x.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/tensor/reduce-max-grad.wgsl
 */
export function reduceMaxGrad(dy: Tensor, y: Tensor, x: Tensor, dx: Tensor, of: Reduced): Dispatch {
  const { name } = reduceMaxGradSpec;
  const { outputs, count, walk, rank, params } = reducedWalk(name, of);
  for (const [label, tensor] of Object.entries({ x, dx })) requireElements(name, label, tensor, reach(walk, "a").most + 1);
  for (const [label, tensor] of Object.entries({ dy, y })) requireElements(name, label, tensor, outputs);
  const spec = { ...reduceMaxGradSpec, constants: { ...reduceMaxGradSpec.constants, RANK: rank } };
  return { kind: "dispatch", spec, params: { outputs, count, ...params }, buffers: [dy, y, x, dx], workgroups: elementwiseGroups(spec, outputs) };
}
