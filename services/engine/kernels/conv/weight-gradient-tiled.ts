import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, windowScalars } from "./geometry.ts";
import { flatSlices, type FlatSlices } from "./slices.ts";

/** Rows (tap, c) × output channels of a workgroup's tile, ascending. */
export const WEIGHT_TILES = ["32x32", "64x64", "128x64"] as const;
export type WeightTile = (typeof WEIGHT_TILES)[number];

/**
 * RQ vec4 of rows × CQ vec4 of channels; TM × TN of them per invocation; PIXELS per slab. Each has at most 256 invocations
 * and 16 KiB of workgroup memory, WebGPU's default limits.
 */
const SHAPES = {
  "32x32": { RQ: 8, CQ: 8, TM: 1, TN: 1, PIXELS: 16 },
  "64x64": { RQ: 16, CQ: 16, TM: 2, TN: 1, PIXELS: 16 },
  "128x64": { RQ: 32, CQ: 16, TM: 2, TN: 2, PIXELS: 8 },
} as const satisfies Record<WeightTile, Readonly<Record<string, number>>>;

/** Workgroups that keep a GPU busy: a few for each of its processors, so that none waits long for the last. */
const WANTED_WORKGROUPS = 512;

function spec(tile: WeightTile): KernelSpec {
  return {
    name: "conv/weight-gradient-tiled", lib: ["lib/grid"],
    params: {
      pixels: "u32", pixels_per_slice: "u32", slices: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride_y: "u32", stride_x: "u32", top: "i32", left: "i32", dilation_y: "i32", dilation_x: "i32",
      kw: "u32", c4: "u32", k4: "u32", row_quads: "u32",
    },
    reads: ["x", "dy"], writes: ["part"], constants: {}, template: SHAPES[tile],
  };
}

export const weightGradientTiledSpecs: readonly KernelSpec[] = WEIGHT_TILES.map(spec);

/** The largest tile that wastes no more than half of itself in either direction. Slices, not tiles, make work for every processor. */
export function defaultWeightTile(g: ConvGeometry): WeightTile {
  return WEIGHT_TILES.toReversed().find((tile) => SHAPES[tile].RQ < 2 * rowQuads(g) && SHAPES[tile].CQ < (2 * pad4(g.k)) / 4) ?? "32x32";
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function tiledSlices(g: ConvGeometry, tile: WeightTile = defaultWeightTile(g)): number { return cut(g, tile).slices; }

/**
 * The weight gradient in slices, with tiles in workgroup memory, for any adapter. Sizes are checked by convGradWeight.
 *
 * @param part [slices, kh·kw, C, K] f32, written whole.
 * @see shaders/conv/weight-gradient-tiled.wgsl
 */
export function weightGradientTiled(g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor, tile: WeightTile = defaultWeightTile(g)): Dispatch {
  const { pixels, pixelsPerSlice, slices } = cut(g, tile);
  const { oh, ow, h, w, kw } = g;
  const params = { pixels, pixels_per_slice: pixelsPerSlice, slices, oh, ow, h, w, ...windowScalars(g), kw, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4, row_quads: rowQuads(g) };
  return { kind: "dispatch", spec: spec(tile), params, buffers: [x, dy, part], workgroups: tiles(g, tile) * slices };
}

function cut(g: ConvGeometry, tile: WeightTile): FlatSlices { return flatSlices(g, tiles(g, tile), WANTED_WORKGROUPS); }

function tiles(g: ConvGeometry, tile: WeightTile): number {
  return Math.ceil(rowQuads(g) / SHAPES[tile].RQ) * Math.ceil(pad4(g.k) / 4 / SHAPES[tile].CQ);
}

/** vec4 of (tap, c). */
function rowQuads(g: ConvGeometry): number { return (g.kh * g.kw * pad4(g.c)) / 4; }
