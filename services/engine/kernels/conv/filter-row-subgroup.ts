import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, isPlain } from "./geometry.ts";
import { type GemmOperands, gemmReads } from "./implicit-gemm.ts";
import { BAND } from "./tile-order.ts";

/** Subgroups of this many lanes only: narrower ones belong to an adapter that gains nothing from it. */
const LANES = 8;
/** Loads of x per turn of the loop: 30 positions, a tile as tall as that of the implicit GEMM. */
const LOADS = 4;
const POSITIONS = LANES * LOADS - 2;

/** Channels of a pixel that the loop multiplies; 8 stands for any number, in a loop over their vec4. */
const ANY = 8;

function spec(channels: number, transposed: boolean, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/filter-row-subgroup", lib: ["lib/grid", "lib/tile-order", "lib/conv-epilogue", "lib/texel"],
    params: { rows: "u32", width: "u32", h: "u32", c4: "u32", k4: "u32", first_tap: "i32", tap_step: "i32", flags: "u32" },
    reads: gemmReads, writes: ["y"], constants: {}, subgroups: true, textures,
    template: { SG: LANES, LOADS, POSITIONS, CHANNELS: channels, TRANSPOSED: Number(transposed), BAND: BAND.pixels, X_TEXTURE: Number(textures.includes("x")), W_TEXTURE: Number(textures.includes("w")) },
  };
}

/** Forward by channels, as a first layer has its own, which multiplies no padding; then backward-data; each by what is read as a texture. */
export const filterRowSubgroupSpecs: readonly KernelSpec[] = [[1, false], [3, false], [ANY, false], [ANY, true]].flatMap(([channels, transposed]) =>
  [[], ["w"], ["x"], ["x", "w"]].map((textures) => spec(channels as number, transposed as boolean, textures)));

/** Whether the kernel can do it: 3×3 taps, stride 1, as large out as in. */
export function isFilterRow(g: ConvGeometry): boolean { return g.kh === 3 && g.kw === 3 && g.groups === 1 && isPlain(g, { stride: 1, padding: 1 }); }

/** y = conv(x, w) and its epilogue. The geometry must satisfy isFilterRow; sizes are checked by convForward. */
export function filterRowForward(g: ConvGeometry, operands: GemmOperands): Dispatch {
  return launch(g, operands, { first_tap: 0, tap_step: 1 }, g.c, g.k);
}

/** dx = conv_transpose(dy, w) and its epilogue: the same sum over the taps in reverse, with the weight as it is. Sizes are checked by convGradInput. */
export function filterRowGradInput(g: ConvGeometry, operands: GemmOperands): Dispatch {
  return launch(g, operands, { first_tap: 8, tap_step: -1 }, g.k, g.c);
}

function launch({ n, h, w }: ConvGeometry, { flags, buffers }: GemmOperands, taps: { first_tap: number; tap_step: number }, channels: number, outputs: number): Dispatch {
  const textures = ["x", "w"].filter((_, i) => buffers[i]!.texture !== undefined);
  const transposed = Number(taps.tap_step < 0);
  const chosen = filterRowSubgroupSpecs.find(({ template: t, textures: of }) => (t!["CHANNELS"] === channels || t!["CHANNELS"] === ANY) && t!["TRANSPOSED"] === transposed && of!.join() === textures.join())!;
  const [c4, k4] = [pad4(channels) / 4, pad4(outputs) / 4];
  const tiles = Math.ceil((n * h * (w + 1)) / POSITIONS) * Math.ceil(k4 / LANES);
  return { kind: "dispatch", spec: chosen, params: { rows: n * h, width: w, h, c4, k4, ...taps, flags }, buffers, workgroups: tiles };
}
