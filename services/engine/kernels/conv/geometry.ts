import { EngineError } from "../../errors.ts";
import { pad4 } from "../../graph/layout.ts";
import { requirePositive } from "../../gpu/tensor.ts";

/**
 * The sizes of one convolution, in logical channels (no padding to four). One stride and one padding for both axes:
 *
 *   y[n, k, oy, ox] = Σ_{ky, kx, c} x[n, c, oy·stride − padding + ky, ox·stride − padding + kx] · w[k, c, ky, kx]
 *
 * with oh = ⌊(h + 2·padding − kh) / stride⌋ + 1, as in PyTorch; what is left over at the bottom and right is not read.
 */
export interface ConvGeometry {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly k: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

type Input = Pick<ConvGeometry, "n" | "c" | "h" | "w">;
type Filter = Pick<ConvGeometry, "k" | "kh" | "kw" | "stride" | "padding" | "groups">;

/** @throws EngineError SHAPE_MISMATCH when a size is not a positive integer, groups do not divide, or the window does not fit. */
export function convGeometry({ n, c, h, w }: Input, { k, kh, kw, stride, padding, groups }: Filter): ConvGeometry {
  requirePositive("conv2d", { n, c, h, w, k, kh, kw, stride, groups });
  if (!Number.isSafeInteger(padding) || padding < 0) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected padding to be an integer ≥ 0, got ${padding}`, { padding });
  if (c % groups !== 0 || k % groups !== 0) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected groups to divide ${c} and ${k} channels, got ${groups}`, { c, k, groups });
  if (kh > h + 2 * padding || kw > w + 2 * padding) {
    throw new EngineError("SHAPE_MISMATCH", `conv2d: expected a window inside ${h + 2 * padding}×${w + 2 * padding} padded pixels, got ${kh}×${kw}`, { h, w, kh, kw, padding });
  }
  const outputs = (size: number, window: number): number => Math.floor((size + 2 * padding - window) / stride) + 1;
  return { n, h, w, c, k, oh: outputs(h, kh), ow: outputs(w, kw), kh, kw, stride, padding, groups };
}

/**
 * A linear layer as a 1×1 convolution over one image of one row, whose pixels are the `n` examples.
 *
 * @param f physical row length of the input: features rounded up to four, or h·w·C of a flattened activation.
 * @param k outputs (logical).
 * @throws EngineError SHAPE_MISMATCH unless all are positive integers and f is a multiple of 4.
 */
export function linearGeometry(n: number, f: number, k: number): ConvGeometry {
  requirePositive("linear", { n, f, k });
  if (f % 4 !== 0) throw new EngineError("SHAPE_MISMATCH", `linear: expected a physical row length (a multiple of 4), got ${f}`, { f });
  return { n: 1, h: 1, w: n, c: f, k, oh: 1, ow: n, kh: 1, kw: 1, stride: 1, padding: 0, groups: 1 };
}

/** Whether each output pixel is made of the one input pixel under it: a linear layer, or a 1×1 convolution of stride 1. */
export function isPointwise({ kh, kw, stride, padding }: ConvGeometry): boolean { return kh * kw * stride === 1 && padding === 0; }

/** A pointwise convolution does not care where rows end: all pixels as one row, so that no tile is cut short. */
export function asOneRow(g: ConvGeometry): ConvGeometry { return isPointwise(g) ? inOneRow(g, g.n * g.h * g.w) : g; }

/** The same pointwise convolution of one row of `pixels`. */
function inOneRow(g: ConvGeometry, pixels: number): ConvGeometry { return { ...g, n: 1, h: 1, w: pixels, oh: 1, ow: pixels }; }

/** The same convolution of a batch of `n`: images, or pixels of a pointwise one. */
export function withBatch(g: ConvGeometry, n: number): ConvGeometry { return isPointwise(g) ? inOneRow(g, n) : { ...g, n }; }

/** Elements of the physical tensors (graph/layout.ts). */
export function inputElements(g: ConvGeometry): number { return g.n * g.h * g.w * pad4(g.c); }
export function outputElements(g: ConvGeometry): number { return g.n * g.oh * g.ow * pad4(g.k); }
export function weightElements(g: ConvGeometry): number { return g.kh * g.kw * weightRows(g) * pad4(g.k); }

/** Input channels that one output channel sees, as stored: padded to four only where there is one group. */
export function weightRows(g: ConvGeometry): number { return g.groups === 1 ? pad4(g.c) : g.c / g.groups; }

/** Floats per output pixel of the matrix dy · wT: one for each tap and input channel. */
export function columnPitch(g: ConvGeometry): number { return pad4(g.kh * g.kw * g.c); }

/**
 * Whether the gradient of the input goes by columns: first dy · wT, then each pixel of dx gathers what reaches it. For few
 * input channels, where each value of dy would otherwise be loaded once per tap to do next to nothing; but only where the
 * matrix is no larger than dy. Depends on the weight's shape alone.
 */
export function byColumns(g: ConvGeometry): boolean { return g.groups === 1 && g.c <= 4 && g.kh * g.kw > 1 && columnPitch(g) <= pad4(g.k); }
