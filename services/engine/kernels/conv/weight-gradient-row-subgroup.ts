import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { isFilterRow } from "./filter-row-subgroup.ts";
import type { ConvGeometry } from "./geometry.ts";
import { sliceCount } from "./slices.ts";
import { BAND } from "./tile-order.ts";

/** Subgroups of this many lanes only, as conv/filter-row-subgroup. */
const LANES = 8;
/**
 * Positions per turn of the loop: with the two beside them they fill whole loads of x. More would save loads, but a body
 * beyond 32 KB leaves the instruction cache: 6 positions of 16 channels run at half the speed when a core is shared.
 */
const SPAN = { narrow: 6, wide: 4 } as const;
/** Channels of a tile: 3 taps of 16 are 48 accumulators, which is what a body can carry before it compiles for seconds. */
const WIDE = 16;
/** Workgroups that keep a software rasteriser's threads busy to the end. */
const WANTED_WORKGROUPS = 32;

function spanOf(channels: number): number { return channels === WIDE ? SPAN.wide : SPAN.narrow; }

function spec(channels: number, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/weight-gradient-row-subgroup", lib: ["lib/grid", "lib/tile-order", "lib/texel"],
    params: { rows: "u32", width: "u32", h: "u32", c4: "u32", k4: "u32", positions_per_slice: "u32", slices: "u32", row_step: "u32", column_step: "u32" },
    reads: ["x", "dy"], writes: ["part"], constants: {}, subgroups: true, textures,
    template: {
      SG: LANES, SPAN: spanOf(channels), CHANNELS: channels, QUADS: Math.ceil(channels / 4), TAPS_Y: channels === WIDE ? 1 : 3,
      BAND: BAND.channels, X_TEXTURE: Number(textures.includes("x")), DY_TEXTURE: Number(textures.includes("dy")),
    },
  };
}

/** By channels, then by what is read as a texture. A first layer has its own, which multiplies no padding. */
export const weightGradientRowSpecs: readonly KernelSpec[] = [1, 3, WIDE].flatMap((channels) => [[], ["dy"], ["x"], ["x", "dy"]].map((textures) => spec(channels, textures)));

/** Whether the kernel can do it: 3×3 taps, stride 1, as large out as in, and no turn of the loop longer than an image. */
export function isFilterRowWeight(g: ConvGeometry): boolean {
  return isFilterRow(g) && g.kh === 3 && g.w >= SPAN.narrow - 2 && Math.floor(SPAN.narrow / (g.w + 1)) < g.h;
}

/** What the tile and the slices of this geometry are; they depend on nothing else. */
function plan(g: ConvGeometry): { channels: number; span: number; tiles: number; slices: number; positionsPerSlice: number } {
  const channels = g.c === 1 || g.c === 3 ? g.c : WIDE;
  const tiles = (channels === WIDE ? 3 * Math.ceil(g.c / WIDE) : 1) * Math.ceil(g.k / (4 * LANES));
  const positions = g.n * g.h * (g.w + 1);
  const span = spanOf(channels);
  const positionsPerSlice = span * Math.ceil(positions / sliceCount(positions, tiles, WANTED_WORKGROUPS) / span);
  return { channels, span, tiles, slices: Math.ceil(positions / positionsPerSlice), positionsPerSlice };
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function rowSubgroupSlices(g: ConvGeometry): number { return plan(g).slices; }

/**
 * The weight gradient in slices. The geometry must satisfy isFilterRowWeight; sizes are checked by convGradWeight.
 *
 * @param part [slices, 9, C, K] f32, written whole.
 * @see shaders/conv/weight-gradient-row-subgroup.wgsl
 */
export function weightGradientRow(g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Dispatch {
  const { channels, span, tiles, slices, positionsPerSlice } = plan(g);
  const textures = [x.texture ? "x" : "", dy.texture ? "dy" : ""].filter(Boolean);
  const chosen = weightGradientRowSpecs.find(({ template: t, textures: of }) => t!["CHANNELS"] === channels && of!.join() === textures.join())!;
  const params = {
    rows: g.n * g.h, width: g.w, h: g.h, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4, positions_per_slice: positionsPerSlice, slices,
    row_step: Math.floor(span / (g.w + 1)), column_step: span % (g.w + 1),
  };
  return { kind: "dispatch", spec: chosen, params, buffers: [x, dy, part], workgroups: tiles * slices };
}
