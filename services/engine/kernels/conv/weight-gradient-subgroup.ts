import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { asOneRow, type ConvGeometry, windowScalars } from "./geometry.ts";
import { rowSlices, type RowSlices } from "./slices.ts";
import { BAND } from "./tile-order.ts";

/** Workgroups that keep a software rasteriser's threads busy to the end. */
const WANTED_WORKGROUPS = 32;

function spec(lanes: 4 | 8, columns: 1 | 2 | 4 | 8, textures: readonly string[] = []): KernelSpec {
  return {
    name: "conv/weight-gradient-subgroup", lib: ["lib/grid", "lib/tile-order", "lib/texel"],
    params: {
      image_rows: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride_y: "u32", stride_x: "u32", top: "i32", left: "i32", dilation_y: "i32", dilation_x: "i32", kw: "u32", c4: "u32", k4: "u32",
      row_quads: "u32", rows_per_slice: "u32", cols_per_slice: "u32", col_slices: "u32", slices: "u32",
    },
    reads: ["x", "dy"], writes: ["part"], constants: {}, subgroups: true, textures,
    // One load covers 4·columns rows; narrow tiles take two loads per pixel, so that a load of dy serves more of them.
    // Two pixels per turn of the loop: with four the body outgrows the registers and takes a quarter longer.
    template: {
      SG: lanes, COLUMNS: columns, GROUPS: lanes / columns, ROWS: columns === lanes ? 4 * columns : 8 * columns, PIXELS: 2, SHARE: Math.min(2, lanes / columns),
      BAND: BAND.channels, X_TEXTURE: Number(textures.includes("x")), DY_TEXTURE: Number(textures.includes("dy")),
    },
  };
}

export const lanes8Columns8Spec = spec(8, 8);
export const lanes8Columns4Spec = spec(8, 4);
export const lanes8Columns2Spec = spec(8, 2);
/** The widest tile, by what it reads as a texture. */
export const lanes8Columns8TexturedSpecs: readonly KernelSpec[] = [["dy"], ["x"], ["x", "dy"]].map((textures) => spec(8, 8, textures));
export const lanes4Columns4Spec = spec(4, 4);
export const lanes4Columns2Spec = spec(4, 2);

const SPECS = { 8: [lanes8Columns2Spec, lanes8Columns4Spec, lanes8Columns8Spec], 4: [lanes4Columns2Spec, lanes4Columns4Spec] } as const;

/** What the tile and the slices of this geometry are; they depend on nothing else. */
function plan(lanes: 4 | 8, g: ConvGeometry): { spec: KernelSpec; rowQuads: number; tiles: number; slices: RowSlices } {
  const k4 = pad4(g.k) / 4;
  const chosen = SPECS[lanes].find((s) => s.template!["COLUMNS"]! >= k4) ?? SPECS[lanes].at(-1)!;
  const { COLUMNS, GROUPS, ROWS } = chosen.template as { COLUMNS: number; GROUPS: number; ROWS: number };
  const rowQuads = (g.kh * g.kw * pad4(g.c)) / 4;
  const tiles = Math.ceil((4 * rowQuads) / (GROUPS * ROWS)) * Math.ceil(k4 / COLUMNS);
  return { spec: chosen, rowQuads, tiles, slices: rowSlices(g, tiles, WANTED_WORKGROUPS) };
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function subgroupSlices(lanes: 4 | 8, geometry: ConvGeometry): number { return plan(lanes, asOneRow(geometry)).slices.slices; }

/**
 * The weight gradient in slices, for adapters whose subgroups have `lanes` lanes. Sizes are checked by convGradWeight.
 *
 * @param part [slices, kh·kw, C, K] f32, written whole.
 * @see shaders/conv/weight-gradient-subgroup.wgsl
 */
export function weightGradientSubgroup(lanes: 4 | 8, geometry: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Dispatch {
  const g = asOneRow(geometry);
  const { spec: chosen, rowQuads, tiles, slices } = plan(lanes, g);
  const params = {
    image_rows: g.n * g.oh, oh: g.oh, ow: g.ow, h: g.h, w: g.w, ...windowScalars(g), kw: g.kw, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4,
    row_quads: rowQuads, rows_per_slice: slices.rowsPerSlice, cols_per_slice: slices.colsPerSlice, col_slices: slices.colSlices, slices: slices.slices,
  };
  const textured = chosen === lanes8Columns8Spec ? lanes8Columns8TexturedSpecs.find(({ template: t }) => t!["X_TEXTURE"] === Number(x.texture !== undefined) && t!["DY_TEXTURE"] === Number(dy.texture !== undefined)) : undefined;
  return { kind: "dispatch", spec: textured ?? chosen, params, buffers: [x, dy, part], workgroups: tiles * slices.slices };
}
