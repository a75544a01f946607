import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, inputElements } from "./geometry.ts";

export const winogradInputSpec: KernelSpec = {
  name: "conv/winograd-input", lib: ["lib/grid"],
  params: { tiles: "u32", first_tile: "u32", tiles_y: "u32", tiles_x: "u32", h: "u32", w: "u32", c4: "u32", padding: "u32" },
  reads: ["x"], writes: ["v"], constants: { WG: 64 }, template: {},
};

/** Tiles of 2 × 2 output pixels, in the order (image, ty, tx); the last ones may reach over the edge. */
export interface WinogradTiles { readonly tilesY: number; readonly tilesX: number; readonly all: number }

export function winogradTiles({ n, oh, ow }: ConvGeometry): WinogradTiles {
  const [tilesY, tilesX] = [Math.ceil(oh / 2), Math.ceil(ow / 2)];
  return { tilesY, tilesX, all: n * tilesY * tilesX };
}

/** Consecutive tiles of the whole batch. */
export interface TileRange { readonly first: number; readonly tiles: number }

/**
 * v = Bᵀ d B of the 4×4 pixels under each tile of the range.
 *
 * @param g a 3×3 convolution of stride 1 with the same padding on all sides, without groups or dilation.
 * @param x [n, h, w, C] f32.
 * @param v [16, tiles, C] f32, written whole.
 * @throws EngineError SHAPE_MISMATCH when a tensor is too small.
 * @see shaders/conv/winograd-input.wgsl
 */
export function winogradInput(g: ConvGeometry, x: Tensor, v: Tensor, { first, tiles }: TileRange): Dispatch {
  const { name, constants } = winogradInputSpec;
  const c4 = pad4(g.c) / 4;
  const { tilesY, tilesX } = winogradTiles(g);
  requireElements(name, "x", x, inputElements(g));
  requireElements(name, "v", v, 16 * tiles * 4 * c4);
  const params = { tiles, first_tile: first, tiles_y: tilesY, tiles_x: tilesX, h: g.h, w: g.w, c4, padding: g.padding[0] };
  return { kind: "dispatch", spec: winogradInputSpec, params, buffers: [x, v], workgroups: Math.ceil((tiles * c4) / constants["WG"]!) };
}
