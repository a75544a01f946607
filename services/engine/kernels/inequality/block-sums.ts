import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, requireRows } from "../image-space.ts";

export const blockSumsSpec: KernelSpec = {
  name: "inequality/block-sums", lib: ["lib/grid"],
  params: { n: "u32", c: "u32", h: "u32", w: "u32", block: "u32", mode: "u32" },
  reads: ["map"], writes: ["y"], constants: { WG: 8, PER: 1 },
};

/**
 * What a region's value is: Σ|a|, Σ max(a, 0), or max(0, Σa), over the block and all channels; or Σ|a| with each channel's
 * block a region of its own.
 */
export const BLOCK_MODES = ["abs-sum", "positive-sum", "signed-sum-positive", "per-channel"] as const;
export type BlockMode = (typeof BLOCK_MODES)[number];

export interface BlockShape {
  readonly c: number;
  readonly h: number;
  readonly w: number;
  /** Side of a region in pixels: 16 on ImageNet, 4 on CIFAR-10 in the paper. */
  readonly block: number;
  readonly mode: BlockMode;
}

/** Regions per image. */
export function blockCells({ c, h, w, block, mode }: BlockShape): number {
  return Math.ceil(h / block) * Math.ceil(w / block) * (mode === "per-channel" ? c : 1);
}

/**
 * The regional map whose Gini index is the regional inequality.
 *
 * @param map [n, c, h, w] f32, signed.
 * @param y   [n, blockCells] f32, output, non-negative; regions row by row, channels outermost.
 * @throws EngineError SHAPE_MISMATCH.
 * Differs  where block does not divide a side, the last region is the smaller rest (what zero padding gives). The paper's
 *          code leaves those pixels unpooled; Chen et al. pad by reflection.
 * @see shaders/inequality/block-sums.wgsl
 */
export function blockSums(map: Tensor, y: Tensor, options: BlockShape & { n: number }): Dispatch {
  const { name } = blockSumsSpec;
  const { n, c, h, w, block, mode } = options;
  requirePositive(name, { n, c, h, w, block });
  requireRows(name, n, c * h * w);
  requireElements(name, "map", map, n * c * h * w);
  requireElements(name, "y", y, n * blockCells(options));
  return {
    kind: "dispatch", spec: blockSumsSpec, params: { n, c, h, w, block, mode: BLOCK_MODES.indexOf(mode) },
    buffers: [map, y], workgroups: elementwiseGroups(blockSumsSpec, n * blockCells(options)),
  };
}
