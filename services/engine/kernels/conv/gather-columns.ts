import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { columnPitch, type ConvGeometry } from "./geometry.ts";
import type { GemmOperands } from "./implicit-gemm.ts";

/** Neighbouring pixels per invocation: they share the arithmetic of their row, and the loop. */
const PIXELS = 4;

function spec(channels: number): KernelSpec {
  return {
    name: "conv/gather-columns", lib: ["lib/grid", "lib/conv-epilogue"],
    params: {
      rows: "u32", h: "u32", w: "u32", oh: "u32", ow: "u32", stride_y: "u32", stride_x: "u32", top: "u32", left: "u32", kh: "u32", kw: "u32",
      taps_y: "u32", taps_x: "u32", pitch: "u32", flags: "u32",
    },
    reads: ["columns", "bias", "residual", "mask"], writes: ["dx"], constants: {}, template: { PIXELS, CHANNELS: channels },
  };
}

/** By input channels, 1 to 4. */
export const gatherColumnsSpecs: readonly KernelSpec[] = [1, 2, 3, 4].map(spec);

/**
 * Adds the windows of a layer with at most four input channels up to dx, on any adapter. Sizes are checked by convGradInput.
 *
 * @param operands columns, bias, residual, mask, dx.
 * @see shaders/conv/gather-columns.wgsl
 */
export function gatherColumns(g: ConvGeometry, { flags, buffers }: GemmOperands): Dispatch {
  const { n, h, w, oh, ow, stride, padding: [top, left], kh, kw } = g;
  const params = {
    rows: n * h, h, w, oh, ow, stride_y: stride[0], stride_x: stride[1], top, left, kh, kw, taps_y: Math.ceil(kh / stride[0]), taps_x: Math.ceil(kw / stride[1]), pitch: columnPitch(g), flags,
  };
  return { kind: "dispatch", spec: gatherColumnsSpecs[g.c - 1]!, params, buffers, workgroups: Math.ceil((n * h * Math.ceil(w / PIXELS)) / 8) };
}
