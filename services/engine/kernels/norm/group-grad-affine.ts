import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";
import { sumParts } from "../reduce/sum-parts.ts";
import { slicesOf } from "./channels.ts";
import { type GroupShape, requireGroups } from "./groups.ts";

export const groupGradAffineSpec: KernelSpec = {
  name: "norm/group-grad-affine", lib: ["lib/grid"], params: { rows: "u32", channels: "u32", inner: "u32", size: "u32", slice_rows: "u32", slices: "u32" },
  reads: ["dy", "x", "statistics"], writes: ["gamma_parts", "beta_parts"], constants: { WG: 8 },
};

/** Elements of each of groupGradAffine's two scratch tensors. */
export function affineScratchElements(shape: GroupShape): number { return slicesOf(rowsOf(shape)).slices * shape.channels; }

/**
 * The gradients of gamma, Σ dy · x̂, and of beta, Σ dy, over everything that shares one; a fixed order of summation.
 *
 * @param dy, x         [groups, size] f32.
 * @param statistics    [groups, 2] f32, from groupStatistics.
 * @param dgamma, dbeta [channels] f32, outputs.
 * @param scratch       two of affineScratchElements(shape); their contents before and after mean nothing.
 * @returns three dispatches. No output may alias another tensor.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function groupGradAffine(dy: Tensor, x: Tensor, statistics: Tensor, dgamma: Tensor, dbeta: Tensor, scratch: readonly [Tensor, Tensor], shape: GroupShape): Step[] {
  const spec = groupGradAffineSpec;
  requireGroups(spec, shape, { dy, x }, { statistics }, { dgamma, dbeta });
  for (const part of scratch) requireElements(spec.name, "scratch", part, affineScratchElements(shape));
  const rows = rowsOf(shape);
  const { sliceRows, slices } = slicesOf(rows);
  const { channels, inner, size } = shape;
  return [
    { kind: "dispatch", spec, params: { rows, channels, inner, size, slice_rows: sliceRows, slices }, buffers: [dy, x, statistics, ...scratch], workgroups: elementwiseGroups(spec, slices * channels) },
    sumParts(scratch[0], dgamma, { parts: slices, n: channels }),
    sumParts(scratch[1], dbeta, { parts: slices, n: channels }),
  ];
}

/** How often each channel occurs, in runs of `inner`. */
function rowsOf({ groups, size, channels, inner }: GroupShape): number { return (groups * size) / (channels * inner); }
