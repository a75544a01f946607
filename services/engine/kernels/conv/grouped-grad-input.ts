import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import type { ConvGeometry } from "./geometry.ts";
import type { GemmOperands } from "./implicit-gemm.ts";

export const groupedGradInputSpec: KernelSpec = {
  name: "conv/grouped-grad-input", lib: ["lib/grid", "lib/conv-epilogue"],
  params: {
    pixels: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride: "u32", padding: "u32", kh: "u32", kw: "u32",
    c4: "u32", k_pitch: "u32", cg: "u32", kg: "u32", c: "u32", flags: "u32",
  },
  reads: ["dy", "w", "bias", "residual", "mask"], writes: ["dx"], constants: { WG: 8 },
};

/** Backward-data with several groups, on any adapter. Sizes are checked by convGradInput. @see shaders/conv/grouped-grad-input.wgsl */
export function groupedGradInput(g: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const { n, oh, ow, h, w, c, stride, padding, kh, kw, groups } = g;
  const c4 = pad4(c) / 4;
  const pixels = n * h * w;
  const params = { pixels, oh, ow, h, w, stride, padding, kh, kw, c4, k_pitch: pad4(g.k), cg: c / groups, kg: g.k / groups, c, flags };
  return { kind: "dispatch", spec: groupedGradInputSpec, params, buffers, workgroups: Math.ceil((pixels * c4) / groupedGradInputSpec.constants["WG"]!) };
}
