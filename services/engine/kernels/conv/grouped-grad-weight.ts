import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { ConvGeometry } from "./geometry.ts";
import { flatSlices, type FlatSlices } from "./slices.ts";

export const groupedGradWeightSpec: KernelSpec = {
  name: "conv/grouped-grad-weight", lib: ["lib/grid"],
  params: {
    pixels: "u32", pixels_per_slice: "u32", slices: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride: "u32", padding: "u32",
    taps: "u32", kw: "u32", c_pitch: "u32", k4: "u32", cg: "u32", kg: "u32", groups: "u32",
  },
  reads: ["x", "dy"], writes: ["part"], constants: { WG: 8 },
};

/** Workgroups that keep an adapter busy: a depthwise weight alone has too few elements. */
const WANTED_WORKGROUPS = 256;

function plan(g: ConvGeometry): { quads: number; slices: FlatSlices } {
  const quads = (g.kh * g.kw * (g.c / g.groups) * pad4(g.k)) / 4;
  return { quads, slices: flatSlices(g, Math.ceil(quads / groupedGradWeightSpec.constants["WG"]!), WANTED_WORKGROUPS) };
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function groupedSlices(g: ConvGeometry): number { return plan(g).slices.slices; }

/** The weight gradient in slices with several groups, on any adapter. Sizes are checked by convGradWeight. @see shaders/conv/grouped-grad-weight.wgsl */
export function groupedGradWeight(g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Dispatch {
  const { oh, ow, h, w, stride, padding, kh, kw, groups } = g;
  const { quads, slices } = plan(g);
  const params = {
    pixels: slices.pixels, pixels_per_slice: slices.pixelsPerSlice, slices: slices.slices, oh, ow, h, w, stride, padding,
    taps: kh * kw, kw, c_pitch: pad4(g.c), k4: pad4(g.k) / 4, cg: g.c / groups, kg: g.k / groups, groups,
  };
  const { WG } = groupedGradWeightSpec.constants as { WG: number };
  return { kind: "dispatch", spec: groupedGradWeightSpec, params, buffers: [x, dy, part], workgroups: Math.ceil((quads * slices.slices) / WG) };
}
