import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, windowScalars } from "./geometry.ts";
import { groupedForm, type GroupedForm, groupedSpecs, groupedTemplate, texturesOf } from "./grouped.ts";
import { flatSlices, type FlatSlices } from "./slices.ts";

const OPERANDS = ["x", "dy"] as const;
const WG = 8;

function spec(form: GroupedForm, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/grouped-grad-weight", lib: ["lib/grid", "lib/texel"],
    params: {
      pixels: "u32", pixels_per_slice: "u32", slices: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32",
      stride_y: "u32", stride_x: "u32", top: "i32", left: "i32", dilation_y: "i32", dilation_x: "i32",
      taps: "u32", kw: "u32", c4: "u32", k4: "u32", cg: "u32", kg: "u32", groups: "u32",
    },
    reads: ["x", "dy"], writes: ["part"], constants: { WG }, textures, template: groupedTemplate(form, OPERANDS, textures),
  };
}

export const groupedGradWeightSpecs: readonly KernelSpec[] = groupedSpecs(OPERANDS, spec);

/** Workgroups that keep an adapter busy: a depthwise weight alone has too few elements. */
const WANTED_WORKGROUPS = 256;

/** Invocations per slice, and the slices. */
function plan(g: ConvGeometry): { invocations: number; slices: FlatSlices } {
  const quads = (g.kh * g.kw * (g.c / g.groups) * pad4(g.k)) / 4;
  const invocations = groupedForm(g) === "quads" ? quads / 4 : quads;
  return { invocations, slices: flatSlices(g, Math.ceil(invocations / WG), WANTED_WORKGROUPS) };
}

/** Into how many slices the pixels are cut; `part` holds that many weights. */
export function groupedSlices(g: ConvGeometry): number { return plan(g).slices.slices; }

/** The weight gradient in slices with several groups, on any adapter. Sizes are checked by convGradWeight. @see shaders/conv/grouped-grad-weight.wgsl */
export function groupedGradWeight(g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Dispatch {
  const { oh, ow, h, w, kh, kw, c, k, groups } = g;
  const { invocations, slices: { pixels, pixelsPerSlice, slices } } = plan(g);
  const params = {
    pixels, pixels_per_slice: pixelsPerSlice, slices, oh, ow, h, w, ...windowScalars(g),
    taps: kh * kw, kw, c4: pad4(c) / 4, k4: pad4(k) / 4, cg: c / groups, kg: k / groups, groups,
  };
  return { kind: "dispatch", spec: spec(groupedForm(g), texturesOf(OPERANDS, [x, dy])), params, buffers: [x, dy, part], workgroups: Math.ceil((invocations * slices) / WG) };
}
