import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import { type ConvGeometry, windowScalars } from "./geometry.ts";
import { GROUPED_PIXELS, groupedForm, type GroupedForm, groupedSpecs, groupedTemplate, texturesOf } from "./grouped.ts";
import { type GemmOperands, tapSteps } from "./implicit-gemm.ts";

const OPERANDS = ["dy", "w"] as const;

function spec(form: GroupedForm, textures: readonly string[]): KernelSpec {
  return {
    name: "conv/grouped-grad-input", lib: ["lib/grid", "lib/conv-epilogue", "lib/texel"],
    params: {
      rows: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride_y: "u32", stride_x: "u32", top: "i32", left: "i32", dilation_y: "i32", dilation_x: "i32",
      kh: "u32", kw: "u32", taps_y: "u32", taps_x: "u32", k_step_y: "u32", k_step_x: "u32", o_step_y: "i32", o_step_x: "i32",
      c4: "u32", k4: "u32", cg: "u32", kg: "u32", c: "u32", flags: "u32",
    },
    reads: ["dy", "w", "bias", "residual", "mask"], writes: ["dx"], constants: { WG: 8 }, textures, template: groupedTemplate(form, OPERANDS, textures),
  };
}

export const groupedGradInputSpecs: readonly KernelSpec[] = groupedSpecs(OPERANDS, spec);

/**
 * Backward-data with several groups, on any adapter, in one pass whatever the stride: with a large one for one group, too,
 * whose channels are stored with their padding. Sizes are checked by convGradInput.
 *
 * @see shaders/conv/grouped-grad-input.wgsl
 */
export function groupedGradInput(g: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const { n, oh, ow, h, w, kh, kw, stride, dilation, groups } = g;
  const [c, k] = groups === 1 ? [pad4(g.c), pad4(g.k)] : [g.c, g.k];
  const chosen = spec(groupedForm({ c, k, groups }), texturesOf(OPERANDS, buffers));
  const [c4, y, x] = [pad4(c) / 4, tapSteps(stride[0], dilation[0]), tapSteps(stride[1], dilation[1])];
  const params = {
    rows: n * h, oh, ow, h, w, ...windowScalars(g), kh, kw, taps_y: Math.ceil(kh / y.tap), taps_x: Math.ceil(kw / x.tap),
    k_step_y: y.tap, k_step_x: x.tap, o_step_y: y.output, o_step_x: x.output, c4, k4: pad4(k) / 4, cg: c / groups, kg: k / groups, c, flags,
  };
  const runs = n * h * Math.ceil(w / (stride[1] * GROUPED_PIXELS)) * stride[1];
  return { kind: "dispatch", spec: chosen, params, buffers, workgroups: Math.ceil((runs * c4) / chosen.constants["WG"]!) };
}
