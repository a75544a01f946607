import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, windowScalars } from "./geometry.ts";
import { GROUPED_PIXELS, groupedForm, type GroupedForm, groupedSpecs, groupedTemplate, texturesOf } from "./grouped.ts";
import { type GemmOperands, gemmReads } from "./implicit-gemm.ts";

const OPERANDS = ["x", "w"] as const;

function spec(form: GroupedForm, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/grouped-forward", lib: ["lib/grid", "lib/conv-epilogue", "lib/texel"],
    params: {
      rows: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride_y: "u32", stride_x: "u32", top: "i32", left: "i32", dilation_y: "i32", dilation_x: "i32",
      kh: "u32", kw: "u32", c4: "u32", k4: "u32", cg: "u32", kg: "u32", groups: "u32", flags: "u32",
    },
    reads: gemmReads, writes: ["y"], constants: { WG: 8 }, textures, template: groupedTemplate(form, OPERANDS, textures),
  };
}

export const groupedForwardSpecs: readonly KernelSpec[] = groupedSpecs(OPERANDS, spec);

/** Forward with several groups, on any adapter. Sizes are checked by convForward. @see shaders/conv/grouped-forward.wgsl */
export function groupedForward(g: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const { n, oh, ow, h, w, kh, kw, c, k, groups } = g;
  const chosen = spec(groupedForm(g), texturesOf(OPERANDS, buffers));
  const k4 = pad4(k) / 4;
  const params = { rows: n * oh, oh, ow, h, w, ...windowScalars(g), kh, kw, c4: pad4(c) / 4, k4, cg: c / groups, kg: k / groups, groups, flags };
  return { kind: "dispatch", spec: chosen, params, buffers, workgroups: Math.ceil((n * oh * Math.ceil(ow / GROUPED_PIXELS) * k4) / chosen.constants["WG"]!) };
}
