import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, outputElements } from "./geometry.ts";
import type { GemmOperands } from "./implicit-gemm.ts";
import { type TileRange, winogradTiles } from "./winograd-input.ts";

export const winogradOutputSpec: KernelSpec = {
  name: "conv/winograd-output", lib: ["lib/grid", "lib/conv-epilogue"],
  params: { tiles: "u32", first_tile: "u32", tiles_y: "u32", tiles_x: "u32", oh: "u32", ow: "u32", k4: "u32", flags: "u32" },
  reads: ["p", "bias", "residual", "mask"], writes: ["y"], constants: { WG: 64 }, template: {},
};

/**
 * y = finish( bias + Aᵀ s A ) for each tile of the range.
 *
 * @param g a 3×3 convolution of stride 1 without groups.
 * @param operands p [16, tiles, K], bias, residual, mask, y [n, oh, ow, K].
 * @throws EngineError SHAPE_MISMATCH when p or y is too small; the epilogue's tensors were checked by bindEpilogue.
 * @see shaders/conv/winograd-output.wgsl
 */
export function winogradOutput(g: ConvGeometry, { flags, buffers }: GemmOperands, { first, tiles }: TileRange): Dispatch {
  const { name, constants } = winogradOutputSpec;
  const k4 = pad4(g.k) / 4;
  const { tilesY, tilesX } = winogradTiles(g);
  requireElements(name, "p", buffers[0]!, 16 * tiles * 4 * k4);
  requireElements(name, "y", buffers.at(-1)!, outputElements(g));
  const params = { tiles, first_tile: first, tiles_y: tilesY, tiles_x: tilesX, oh: g.oh, ow: g.ow, k4, flags };
  return { kind: "dispatch", spec: winogradOutputSpec, params, buffers, workgroups: Math.ceil((tiles * k4) / constants["WG"]!) };
}
