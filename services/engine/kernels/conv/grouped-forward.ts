import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { pad4 } from "../../graph/layout.ts";
import type { ConvGeometry } from "./geometry.ts";
import { type GemmOperands, gemmReads } from "./implicit-gemm.ts";

export const groupedForwardSpec: KernelSpec = {
  name: "conv/grouped-forward", lib: ["lib/grid", "lib/conv-epilogue"],
  params: {
    pixels: "u32", oh: "u32", ow: "u32", h: "u32", w: "u32", stride: "u32", padding: "u32", kh: "u32", kw: "u32",
    c_pitch: "u32", k4: "u32", cg: "u32", kg: "u32", groups: "u32", flags: "u32",
  },
  reads: gemmReads, writes: ["y"], constants: { WG: 8 },
};

/** Forward with several groups, on any adapter. Sizes are checked by convForward. @see shaders/conv/grouped-forward.wgsl */
export function groupedForward(g: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const { n, oh, ow, h, w, stride, padding, kh, kw, groups } = g;
  const k4 = pad4(g.k) / 4;
  const pixels = n * oh * ow;
  const params = { pixels, oh, ow, h, w, stride, padding, kh, kw, c_pitch: pad4(g.c), k4, cg: g.c / groups, kg: g.k / groups, groups, flags };
  return { kind: "dispatch", spec: groupedForwardSpec, params, buffers, workgroups: Math.ceil((pixels * k4) / groupedForwardSpec.constants["WG"]!) };
}
