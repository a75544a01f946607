import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import { isFilterRow } from "./filter-row-subgroup.ts";
import type { ConvGeometry } from "./geometry.ts";
import type { GemmOperands } from "./implicit-gemm.ts";

const LANES = 8;

/** Loads of dy per turn of the loop, by channels: as many as keep the sums of all three taps in registers or nearly so. */
const LOADS: Readonly<Record<number, number>> = { 1: 8, 3: 4 };

function spec(channels: number, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/narrow-grad-input-subgroup", lib: ["lib/grid", "lib/conv-epilogue", "lib/texel"], params: { rows: "u32", width: "u32", h: "u32", k4: "u32", flags: "u32" },
    reads: ["dy", "w", "bias", "residual", "mask"], writes: ["dx"], constants: {}, subgroups: true, textures,
    template: { SG: LANES, CHANNELS: channels, LOADS: LOADS[channels]!, DY_TEXTURE: Number(textures.includes("dy")) },
  };
}

/** Grey and colour images, each by whether dy is read as a texture. */
export const narrowGradInputSpecs: readonly KernelSpec[] = [1, 3].flatMap((channels) => [[], ["dy"]].map((textures) => spec(channels, textures)));

/** Whether the kernel can do it: 3×3 taps, stride 1, as large out as in, an image of one or three channels. */
export function isNarrow(g: ConvGeometry): boolean { return isFilterRow(g) && LOADS[g.c] !== undefined; }

/** dx of a first layer. The geometry must satisfy isNarrow; sizes are checked by convGradInput. */
export function narrowGradInput({ n, h, w, c, k }: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const textured = Number(buffers[0]!.texture !== undefined);
  const chosen = narrowGradInputSpecs.find(({ template: t }) => t!["CHANNELS"] === c && t!["DY_TEXTURE"] === textured)!;
  return {
    kind: "dispatch", spec: chosen, params: { rows: n * h, width: w, h, k4: pad4(k) / 4, flags }, buffers,
    workgroups: Math.ceil((n * h * (w + 1)) / (LANES * LOADS[c]! - 2)),
  };
}
