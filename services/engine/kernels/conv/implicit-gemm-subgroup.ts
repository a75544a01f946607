import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";
import { BAND } from "./tile-order.ts";

/**
 * Rows that a lane sums, by vec4 columns of the tile. The wide tile takes 32 (a tenth faster than 16 on lavapipe; the body
 * still fits its instruction cache, and more only lengthens compilation). Narrow tiles have several groups of lanes, hence
 * several times as many rows per tile, and load a row for each of them: fewer keep their bodies as short.
 */
const ROWS: Readonly<Record<number, number>> = { 8: 32, 4: 16, 2: 8, 1: 8 };

/** Channels of a pixel that the inner loop multiplies; 8 stands for any number, in a loop over their vec4. */
const ANY = 8;

function spec(lanes: 4 | 8, columns: number, channels: number, transposed: boolean, textures: readonly string[] = []): KernelSpec {
  return {
    name: "conv/implicit-gemm-subgroup", lib: ["lib/grid", "lib/tile-order", "lib/conv-epilogue", "lib/texel"], params: gemmParams, reads: gemmReads, writes: ["y"], constants: {}, subgroups: true, textures,
    template: {
      SG: lanes, COLUMNS: columns, GROUPS: lanes / columns, ROWS: ROWS[columns]!, SHARE: Math.min(4, lanes / columns), CHANNELS: channels,
      TRANSPOSED: Number(transposed), PIECES: transposed ? 4 : Math.min(4, channels), BAND: BAND.pixels, X_TEXTURE: Number(textures.includes("x")), W_TEXTURE: Number(textures.includes("w")),
    },
  };
}

/** Lanes of a subgroup × vec4 columns of the tile × channels of a pixel, both ascending; and once more for transposed weights. */
const PLAIN: readonly KernelSpec[] = [false, true].flatMap((transposed) => ([4, 8] as const).flatMap((lanes) =>
  [1, 2, 4, 8].filter((columns) => columns <= lanes).flatMap((columns) => [1, 2, 3, 4, ANY].map((channels) => spec(lanes, columns, channels, transposed)))));

/** The widest tile over any number of channels, by what it reads as a texture: the others have too little to read. */
const TEXTURED: readonly KernelSpec[] = [false, true].flatMap((transposed) => [["w"], ["x"], ["x", "w"]].map((textures) => spec(8, 8, ANY, transposed, textures)));

export const implicitGemmSubgroupSpecs: readonly KernelSpec[] = [...PLAIN, ...TEXTURED];

/**
 * One implicit GEMM for adapters whose subgroups have `lanes` lanes. The narrowest tile that covers the output channels is
 * taken, so that few channels do not leave lanes idle, and a first layer multiplies the channels of its image, not their
 * padding. The choice depends on nothing else, so a row has the same bits in any batch.
 *
 * @see shaders/conv/implicit-gemm-subgroup.wgsl
 */
export function implicitGemmSubgroup(lanes: 4 | 8, { channels, scalars, transposed }: GemmPass, { flags, buffers }: GemmOperands): Dispatch {
  const columns = Math.min(lanes, 2 ** Math.ceil(Math.log2(scalars.k4)));
  const plain = PLAIN.find(({ template: t }) => t!["SG"] === lanes && t!["COLUMNS"] === columns && t!["CHANNELS"]! >= Math.min(channels, ANY) && t!["TRANSPOSED"] === Number(transposed))!;
  const chosen = textured(plain, buffers) ?? plain;
  const { COLUMNS, GROUPS, ROWS: rows } = chosen.template as { COLUMNS: number; GROUPS: number; ROWS: number };
  const workgroups = Math.ceil(scalars.rows / (GROUPS * rows)) * Math.ceil(scalars.k4 / COLUMNS);
  return { kind: "dispatch", spec: chosen, params: { ...scalars, flags }, buffers, workgroups };
}

/** The same tile for the operands that have a texture. */
function textured({ template: { SG, COLUMNS, CHANNELS, TRANSPOSED } = {} }: KernelSpec, [x, w]: readonly Tensor[]): KernelSpec | undefined {
  if (SG !== 8 || COLUMNS !== 8 || CHANNELS !== ANY) return undefined;
  return TEXTURED.find(({ template: t }) => t!["TRANSPOSED"] === TRANSPOSED && t!["X_TEXTURE"] === Number(x!.texture !== undefined) && t!["W_TEXTURE"] === Number(w!.texture !== undefined));
}
