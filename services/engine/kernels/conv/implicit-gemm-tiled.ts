import type { Dispatch, KernelSpec, ScalarType } from "../../gpu/kernel.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";

/** Rows × output channels of a workgroup's tile, ascending. Every tile adds in the same order: it is no part of a result's bits. */
export const GEMM_TILES = ["32x32", "64x64", "128x64", "128x128"] as const;
export type GemmTile = (typeof GEMM_TILES)[number];

/**
 * BM rows × BQ vec4 of channels; TM rows × TN vec4 per invocation; QUADS vec4 of the reduction per slab. Each has at most
 * 256 invocations and 16 KiB of workgroup memory, WebGPU's default limits. The larger the tile, the fewer loads per
 * product: the large ones hold 8 × 8 sums per invocation and slabs of half the depth.
 */
const SHAPES = {
  "32x32": { BM: 32, BQ: 8, TM: 4, TN: 1, QUADS: 4 },
  "64x64": { BM: 64, BQ: 16, TM: 8, TN: 1, QUADS: 4 },
  "128x64": { BM: 128, BQ: 16, TM: 8, TN: 2, QUADS: 2 },
  "128x128": { BM: 128, BQ: 32, TM: 8, TN: 2, QUADS: 2 },
} as const satisfies Record<GemmTile, Readonly<Record<string, number>>>;

const params = { ...gemmParams, batches: "u32" } as const satisfies Record<string, ScalarType>;

/** Fewer tiles than this leave a GPU's processors without work. */
const FEWEST_TILES = 256;

/** Which operands are stored as f16 (conv/to-half); sums are f32 in any case. */
export interface HalfOperands { readonly x: boolean; readonly w: boolean }
const NO_HALVES: HalfOperands = { x: false, w: false };

function spec(tile: GemmTile, { x, w }: HalfOperands): KernelSpec {
  return {
    name: "conv/implicit-gemm-tiled", lib: ["lib/grid", "lib/gemm-reduction", "lib/conv-epilogue"], params, reads: gemmReads, writes: ["y"],
    constants: {}, template: { ...SHAPES[tile], X16: Number(x), W16: Number(w) },
  };
}

/** Every tile, with the operands that are ever halved: none, the weight alone (gradients stay f32), both. */
export const implicitGemmTiledSpecs: readonly KernelSpec[] = [NO_HALVES, { x: false, w: true }, { x: true, w: true }].flatMap((halves) => GEMM_TILES.map((tile) => spec(tile, halves)));

/** The largest tile that still gives every processor work, and wastes no more than half of itself on channels that are not there. */
export function defaultTile({ scalars: { rows, k4 } }: GemmPass, batches = 1): GemmTile {
  const fits = (tile: GemmTile): boolean => SHAPES[tile].BQ < 2 * k4 && batches * tiles(tile, rows, k4) >= FEWEST_TILES;
  return GEMM_TILES.toReversed().find(fits) ?? "32x32";
}

/**
 * One implicit GEMM, or `batches` of one shape, with tiles in workgroup memory: for GPUs, and for any adapter that promises
 * no fixed subgroup size.
 *
 * @see shaders/conv/implicit-gemm-tiled.wgsl
 */
export function implicitGemmTiled(pass: GemmPass, { flags, buffers }: GemmOperands, { tile, batches = 1, halves = NO_HALVES }: { readonly tile?: GemmTile; readonly batches?: number; readonly halves?: HalfOperands } = {}): Dispatch {
  const { scalars } = pass;
  const chosen = tile ?? defaultTile(pass, batches);
  return {
    kind: "dispatch", spec: spec(chosen, halves), params: { ...scalars, flags, batches }, buffers,
    workgroups: batches * tiles(chosen, scalars.rows, scalars.k4),
  };
}

function tiles(tile: GemmTile, rows: number, k4: number): number { return Math.ceil(rows / SHAPES[tile].BM) * Math.ceil(k4 / SHAPES[tile].BQ); }
