import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";

function spec(TM: number, TN: number): KernelSpec {
  return {
    name: "conv/implicit-gemm-tiled", lib: ["lib/grid", "lib/conv-epilogue"], params: gemmParams, reads: gemmReads, writes: ["y"],
    constants: {}, template: { TM, TN },
  };
}

/** 64 rows × 64 channels: most work per byte loaded. */
export const largeTileSpec = spec(8, 2);
/** 32 rows × 32 channels: four times the workgroups, where there would be too few, and no waste on few channels. */
export const smallTileSpec = spec(4, 1);

/** Fewer large tiles than this leave a GPU's processors without work. */
const FEWEST_LARGE_TILES = 128;

/**
 * One implicit GEMM with tiles in workgroup memory, for any adapter. Both tiles add in the same order, so that which of
 * them the batch size selects does not change a row's sum.
 *
 * @see shaders/conv/implicit-gemm-tiled.wgsl
 */
export function implicitGemmTiled({ scalars }: GemmPass, { flags, buffers }: GemmOperands): Dispatch {
  const large = tiles(scalars, largeTileSpec);
  const chosen = scalars.k4 > 8 && large >= FEWEST_LARGE_TILES ? largeTileSpec : smallTileSpec;
  return { kind: "dispatch", spec: chosen, params: { ...scalars, flags }, buffers, workgroups: tiles(scalars, chosen) };
}

function tiles({ rows, k4 }: GemmPass["scalars"], { template }: KernelSpec): number {
  return Math.ceil(rows / (8 * template!["TM"]!)) * Math.ceil(k4 / (8 * template!["TN"]!));
}
