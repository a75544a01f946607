import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { ConvGeometry } from "./geometry.ts";
import { flatSlices, type FlatSlices } from "./slices.ts";

/** Workgroups that keep a GPU busy. */
const WANTED_WORKGROUPS = 512;

function spec(TM: number, TN: number): KernelSpec {
  return {
    name: "conv/weight-gradient-tiled", lib: ["lib/grid"],
    params: {
      pixels: "u32", pixels_per_slice: "u32", slices: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride: "u32", padding: "u32",
      kw: "u32", c4: "u32", k4: "u32", row_quads: "u32",
    },
    reads: ["x", "dy"], writes: ["part"], constants: {}, template: { TM, TN },
  };
}

/** 64 rows × 64 channels. */
export const largeTileSpec = spec(2, 2);
/** 32 rows × 32 channels, for layers that are small in either direction. */
export const smallTileSpec = spec(1, 1);

function plan(g: ConvGeometry): { spec: KernelSpec; rowQuads: number; tiles: number; slices: FlatSlices } {
  const rowQuads = (g.kh * g.kw * pad4(g.c)) / 4;
  const k4 = pad4(g.k) / 4;
  const chosen = rowQuads > 8 && k4 > 8 ? largeTileSpec : smallTileSpec;
  const { TM, TN } = chosen.template as { TM: number; TN: number };
  const tiles = Math.ceil(rowQuads / (8 * TM)) * Math.ceil(k4 / (8 * TN));
  return { spec: chosen, rowQuads, tiles, slices: flatSlices(g, tiles, WANTED_WORKGROUPS) };
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function tiledSlices(g: ConvGeometry): number { return plan(g).slices.slices; }

/**
 * The weight gradient in slices, with tiles in workgroup memory, for any adapter. Sizes are checked by convGradWeight.
 *
 * @param part [slices, kh·kw, C, K] f32, written whole.
 * @see shaders/conv/weight-gradient-tiled.wgsl
 */
export function weightGradientTiled(g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Dispatch {
  const { spec: chosen, rowQuads, tiles, slices } = plan(g);
  const params = {
    pixels: slices.pixels, pixels_per_slice: slices.pixelsPerSlice, slices: slices.slices, oh: g.oh, ow: g.ow, h: g.h, w: g.w,
    stride: g.stride, padding: g.padding, kw: g.kw, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4, row_quads: rowQuads,
  };
  return { kind: "dispatch", spec: chosen, params, buffers: [x, dy, part], workgroups: tiles * slices.slices };
}
