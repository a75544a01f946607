import type { ScalarType } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { asOneRow, type ConvGeometry } from "./geometry.ts";

/** `struct Params` of both implicit-GEMM kernels, in WGSL order; shaders/conv/implicit-gemm-*.wgsl says what each means. */
export const gemmParams = {
  rows: "u32", c4: "u32", k4: "u32", grid_h: "u32", grid_w: "u32", in_h: "u32", in_w: "u32", in_step_y: "i32", in_step_x: "i32", y0: "i32", x0: "i32",
  taps_y: "u32", taps_x: "u32", tap_step_y: "i32", tap_step_x: "i32", ky0: "u32", kx0: "u32", k_step_y: "u32", k_step_x: "u32", kw: "u32",
  out_h: "u32", out_w: "u32", out_step_y: "u32", out_step_x: "u32", out_y: "u32", out_x: "u32", flags: "u32",
} as const satisfies Record<string, ScalarType>;

export const gemmReads = ["x", "w", "bias", "residual", "mask"] as const;

/** One launch of an implicit GEMM, before its epilogue is known. */
export interface GemmPass {
  /** Input channels that are not padding; a kernel may leave the others out. */
  readonly channels: number;
  /** Whether the rows of the weight are the outputs: the gradient of the input, where the kernel reads the weight as it is. */
  readonly transposed: boolean;
  /** The scalars of `gemmParams` but `flags`. */
  readonly scalars: Readonly<Record<Exclude<keyof typeof gemmParams, "flags">, number>>;
}

/** The tensors of a launch, in binding order. */
export interface GemmOperands {
  readonly flags: number;
  /** x, w, bias, residual, mask, y. */
  readonly buffers: readonly Tensor[];
}

/** y = conv(x, w): input pixels `stride` apart, every tap. */
export function forwardPass(geometry: ConvGeometry): GemmPass {
  const g = asOneRow(geometry);
  const { stride, padding: [top, left], dilation } = g;
  const scalars = {
    rows: g.n * g.oh * g.ow, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4, grid_h: g.oh, grid_w: g.ow, in_h: g.h, in_w: g.w,
    in_step_y: stride[0], in_step_x: stride[1], y0: -top, x0: -left,
    taps_y: g.kh, taps_x: g.kw, tap_step_y: dilation[0], tap_step_x: dilation[1], ky0: 0, kx0: 0, k_step_y: 1, k_step_x: 1, kw: g.kw,
    out_h: g.oh, out_w: g.ow, out_step_y: 1, out_step_x: 1, out_y: 0, out_x: 0,
  };
  return { channels: g.c, transposed: false, scalars };
}

/** dx = conv_transpose(dy, w), one pass per residue class of dx pixels modulo the stride. */
export function gradInputPasses(geometry: ConvGeometry): GemmPass[] {
  const g = asOneRow(geometry);
  const passes: GemmPass[] = [];
  for (let ry = 0; ry < Math.min(g.stride[0], g.h); ry++) for (let rx = 0; rx < Math.min(g.stride[1], g.w); rx++) passes.push(residuePass(g, ry, rx));
  return passes;
}

function residuePass(g: ConvGeometry, ry: number, rx: number): GemmPass {
  const y = residueClass({ pixels: g.h, taps: g.kh, stride: g.stride[0], padding: g.padding[0], dilation: g.dilation[0] }, ry);
  const x = residueClass({ pixels: g.w, taps: g.kw, stride: g.stride[1], padding: g.padding[1], dilation: g.dilation[1] }, rx);
  const scalars = {
    rows: g.n * y.size * x.size, c4: pad4(g.k) / 4, k4: pad4(g.c) / 4, grid_h: y.size, grid_w: x.size, in_h: g.oh, in_w: g.ow,
    in_step_y: 1, in_step_x: 1, y0: y.start, x0: x.start,
    taps_y: y.taps, taps_x: x.taps, tap_step_y: y.tapStep, tap_step_x: x.tapStep, ky0: y.k0, kx0: x.k0, k_step_y: y.kStep, k_step_x: x.kStep, kw: g.kw,
    out_h: g.h, out_w: g.w, out_step_y: g.stride[0], out_step_x: g.stride[1], out_y: ry, out_x: rx,
  };
  return { channels: g.k, transposed: true, scalars };
}

interface Axis { readonly pixels: number; readonly taps: number; readonly stride: number; readonly padding: number; readonly dilation: number }

/**
 * The pixels i = stride·a + residue of one axis of dx, and the taps that reach them: those with i + padding − k·dilation a
 * multiple of the stride, from output o = (i + padding − k·dilation) / stride; the first of them is k0. A class that no tap
 * reaches still gets its pass: it writes what the epilogue makes of zero.
 */
function residueClass({ pixels, taps, stride, padding, dilation }: Axis, residue: number): { size: number; k0: number; kStep: number; taps: number; tapStep: number; start: number } {
  const { tap: kStep, output } = tapSteps(stride, dilation);
  let k0 = 0;
  while (k0 < Math.min(kStep, taps) && (residue + padding - k0 * dilation) % stride !== 0) k0++;
  const reached = k0 < Math.min(kStep, taps) ? Math.ceil((taps - k0) / kStep) : 0;
  const start = reached > 0 ? (residue + padding - k0 * dilation) / stride : 0;
  return { size: Math.ceil((pixels - residue) / stride), k0, kStep, taps: reached, tapStep: -output, start };
}

/** From one tap that reaches a pixel of dx to the next: so many taps on, and so many outputs back. */
export function tapSteps(stride: number, dilation: number): { readonly tap: number; readonly output: number } {
  const common = gcd(stride, dilation);
  return { tap: stride / common, output: dilation / common };
}

function gcd(a: number, b: number): number { return b === 0 ? a : gcd(b, a % b); }
