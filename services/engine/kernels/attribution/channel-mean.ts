import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, requireRows } from "../image-space.ts";

export const channelMeanSpec: KernelSpec = {
  name: "attribution/channel-mean", lib: ["lib/grid"], params: { n: "u32", c: "u32", p: "u32" },
  reads: ["map"], writes: ["y"], constants: { WG: 8, PER: 8 },
};

/**
 * Signed mean over channels, whose highest pixels are the centres of inductive occlusion.
 *
 * @param map [n, c, p] f32, p = h·w pixels.
 * @param y   [n, p] f32, output.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attribution/channel-mean.wgsl
 */
export function channelMean(map: Tensor, y: Tensor, { n, c, p }: { n: number; c: number; p: number }): Dispatch {
  const { name } = channelMeanSpec;
  requirePositive(name, { n, c, p });
  requireRows(name, n, c * p);
  requireElements(name, "map", map, n * c * p);
  requireElements(name, "y", y, n * p);
  return { kind: "dispatch", spec: channelMeanSpec, params: { n, c, p }, buffers: [map, y], workgroups: elementwiseGroups(channelMeanSpec, n * p) };
}
