import type { ScalarType } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { asOneRow, type ConvGeometry } from "./geometry.ts";

/** `struct Params` of both implicit-GEMM kernels, in WGSL order; shaders/conv/implicit-gemm-*.wgsl says what each means. */
export const gemmParams = {
  rows: "u32", c4: "u32", k4: "u32", grid_h: "u32", grid_w: "u32", in_h: "u32", in_w: "u32", in_step: "i32", y0: "i32", x0: "i32",
  taps_y: "u32", taps_x: "u32", tap_step: "i32", ky0: "u32", kx0: "u32", k_step: "u32", kw: "u32",
  out_h: "u32", out_w: "u32", out_step: "u32", out_y: "u32", out_x: "u32", flags: "u32",
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
  const scalars = {
    rows: g.n * g.oh * g.ow, c4: pad4(g.c) / 4, k4: pad4(g.k) / 4, grid_h: g.oh, grid_w: g.ow, in_h: g.h, in_w: g.w,
    in_step: g.stride, y0: -g.padding, x0: -g.padding, taps_y: g.kh, taps_x: g.kw, tap_step: 1, ky0: 0, kx0: 0, k_step: 1, kw: g.kw,
    out_h: g.oh, out_w: g.ow, out_step: 1, out_y: 0, out_x: 0,
  };
  return { channels: g.c, transposed: false, scalars };
}

/**
 * dx = conv_transpose(dy, w), one pass per residue class of dx pixels modulo the stride. Pixel iy = stride·a + r is reached
 * by filter rows ky ≡ r + padding (mod stride), from output row oy = (iy + padding − ky) / stride: as ky grows by one
 * stride, oy falls by one. A class that no tap reaches still gets its pass: it writes what the epilogue makes of zero.
 */
export function gradInputPasses(geometry: ConvGeometry): GemmPass[] {
  const g = asOneRow(geometry);
  const passes: GemmPass[] = [];
  for (let ry = 0; ry < Math.min(g.stride, g.h); ry++) for (let rx = 0; rx < Math.min(g.stride, g.w); rx++) passes.push(residuePass(g, ry, rx));
  return passes;
}

function residuePass(g: ConvGeometry, ry: number, rx: number): GemmPass {
  const y = axis(g.h, g.kh, ry, g);
  const x = axis(g.w, g.kw, rx, g);
  const scalars = {
    rows: g.n * y.size * x.size, c4: pad4(g.k) / 4, k4: pad4(g.c) / 4, grid_h: y.size, grid_w: x.size, in_h: g.oh, in_w: g.ow,
    in_step: 1, y0: y.start, x0: x.start, taps_y: y.taps, taps_x: x.taps, tap_step: -1, ky0: y.k0, kx0: x.k0, k_step: g.stride, kw: g.kw,
    out_h: g.h, out_w: g.w, out_step: g.stride, out_y: ry, out_x: rx,
  };
  return { channels: g.k, transposed: true, scalars };
}

function axis(pixels: number, window: number, residue: number, { stride, padding }: ConvGeometry): { size: number; k0: number; taps: number; start: number } {
  const k0 = (residue + padding) % stride;
  return { size: Math.ceil((pixels - residue) / stride), k0, taps: Math.max(0, Math.ceil((window - k0) / stride)), start: (residue + padding - k0) / stride };
}
