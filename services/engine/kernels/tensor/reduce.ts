import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import type { ReduceFunction } from "../../graph/operations/broadcast.ts";
import { elementwiseGroups } from "../image-space.ts";
import { type Reduced, reducedWalk } from "./reduced.ts";
import { reach, WALK_PARAMS } from "./walk.ts";

export const reduceSpec: KernelSpec = {
  name: "tensor/reduce", lib: ["lib/grid", "lib/walk"],
  params: { outputs: "u32", count: "u32", chunk: "u32", chunks: "u32", scale: "f32", ...WALK_PARAMS },
  reads: ["x"], writes: ["y"], constants: { WG: 8, FN: 0, RANK: 6 }, template: {},
};

/** Elements that one invocation adds where there are many more: 1024 of 1 rounds by 6e-5 at most. Depends on their count alone, so that an image's bits do not depend on its batch. */
const CHUNK = 1024;
const LONGEST = 4 * CHUNK;

/** Floats that `reduce` needs to put partial results in; 0 when it needs none. */
export function reduceScratchElements(of: Reduced): number {
  const { outputs, count } = reducedWalk(reduceSpec.name, of);
  return count > LONGEST ? outputs * Math.ceil(count / CHUNK) : 0;
}

/**
 * Sum, mean or maximum over axes of a strided tensor.
 *
 * @param x       f32, as `of` says.
 * @param y       f32, output: the axes that stay, row-major in their order; may not alias x.
 * @param scratch [reduceScratchElements] f32 where that is not 0.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/tensor/reduce.wgsl
 */
export function reduce(fn: ReduceFunction, x: Tensor, y: Tensor, of: Reduced, scratch?: Tensor): Dispatch[] {
  const { outputs, count } = reducedWalk(reduceSpec.name, of);
  const scale = fn === "mean" ? 1 / count : 1;
  if (count <= LONGEST) return [pass(fn, x, y, of, count, scale)];
  const chunks = Math.ceil(count / CHUNK);
  if (!scratch) throw new EngineError("SHAPE_MISMATCH", `${reduceSpec.name}: expected scratch for ${outputs * chunks} partial results, got none`, { kernel: reduceSpec.name });
  return [pass(fn, x, scratch, of, CHUNK, 1), pass(fn, scratch, y, { sizes: [outputs, chunks], strides: [chunks, 1], axes: [1] }, chunks, scale)];
}

function pass(fn: ReduceFunction, x: Tensor, y: Tensor, of: Reduced, chunk: number, scale: number): Dispatch {
  const { outputs, count, walk, rank, params } = reducedWalk(reduceSpec.name, of);
  const chunks = Math.ceil(count / chunk);
  requireElements(reduceSpec.name, "x", x, reach(walk, "a").most + 1);
  requireElements(reduceSpec.name, "y", y, outputs * chunks);
  const spec = { ...reduceSpec, constants: { ...reduceSpec.constants, FN: Number(fn === "max"), RANK: rank } };
  return { kind: "dispatch", spec, params: { outputs, count, chunk, chunks, scale, ...params }, buffers: [x, y], workgroups: elementwiseGroups(spec, outputs * chunks) };
}
