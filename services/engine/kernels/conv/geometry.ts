import { EngineError } from "../../errors.ts";
import { pad4 } from "../../graph/layout.ts";
import { requirePositive } from "../../gpu/tensor.ts";
import { describeSides, extent, MOST_PIXELS, pair, type Pair, sides, type Sides } from "../window.ts";

/**
 * The sizes of one convolution, in logical channels (no padding to four):
 *
 *   y[n, k, oy, ox] = Σ_{ky, kx, c} x[n, c, oy·stride − top + ky·dilation, ox·stride − left + kx·dilation] · w[k, c, ky, kx]
 *
 * with oh = ⌊(h + top + bottom − (kh − 1)·dilation − 1) / stride⌋ + 1, as in PyTorch; what is left over at the bottom and
 * right is not read. Stride and dilation are those of their axis.
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
  readonly stride: Pair;
  /** Bottom and right decide oh and ow alone. They are negative where the transpose of this convolution pads its output. */
  readonly padding: Sides;
  /** Pixels from one tap to the next. */
  readonly dilation: Pair;
  readonly groups: number;
}

type Input = Pick<ConvGeometry, "n" | "c" | "h" | "w">;
type Filter = Pick<ConvGeometry, "k" | "kh" | "kw" | "groups"> & { readonly stride: number | Pair; readonly padding: number | Sides; readonly dilation?: number | Pair };

/** @throws EngineError SHAPE_MISMATCH when a size is not a positive integer, groups do not divide, or the window does not fit. */
export function convGeometry({ n, c, h, w }: Input, { k, kh, kw, groups, ...filter }: Filter): ConvGeometry {
  const [stride, padding, dilation] = [pair(filter.stride), sides(filter.padding), pair(filter.dilation ?? 1)];
  const [top, left, bottom, right] = padding;
  requirePositive("conv2d", { n, c, h, w, k, kh, kw, stride: stride[0], "stride across": stride[1], dilation: dilation[0], "dilation across": dilation[1], groups });
  if (!padding.every(Number.isSafeInteger) || top < 0 || left < 0) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected padding to be an integer ≥ 0, got ${describeSides(padding)}`, { padding });
  if (c % groups !== 0 || k % groups !== 0) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected groups to divide ${c} and ${k} channels, got ${groups}`, { c, k, groups });
  const [height, width] = [h + top + bottom, w + left + right];
  const most = Math.max(height, width, ...padding, ...stride, ...dilation);
  if (most > MOST_PIXELS) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected padded sides, strides and dilations of at most ${MOST_PIXELS}, got ${most}`, { h, w, padding, stride, dilation });
  const [rows, columns] = [extent(kh, dilation[0]), extent(kw, dilation[1])];
  if (rows > height || columns > width) throw new EngineError("SHAPE_MISMATCH", `conv2d: expected a window inside ${height}×${width} padded pixels, got ${rows}×${columns}`, { h, w, kh, kw, padding, dilation });
  return { n, h, w, c, k, oh: Math.floor((height - rows) / stride[0]) + 1, ow: Math.floor((width - columns) / stride[1]) + 1, kh, kw, stride, padding, dilation, groups };
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
  return { n: 1, h: 1, w: n, c: f, k, oh: 1, ow: n, kh: 1, kw: 1, stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };
}

/** Whether each output pixel is made of the one input pixel under it: a linear layer, or a 1×1 convolution of stride 1. */
export function isPointwise(g: ConvGeometry): boolean { return g.kh * g.kw === 1 && isPlain(g, { stride: 1, padding: 0 }); }

/** Whether stride and padding are these in every direction, and taps are neighbours: what kernels for the common case ask for. */
export function isPlain(g: ConvGeometry, { stride, padding }: { readonly stride: number; readonly padding: number }): boolean {
  return g.stride.every((v) => v === stride) && g.padding.every((v) => v === padding) && g.dilation.every((v) => v === 1);
}

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

/** Where windows lie, as the kernels that walk over them by pixel and tap take it. */
export function windowScalars({ stride, padding: [top, left], dilation }: ConvGeometry): Record<"stride_y" | "stride_x" | "top" | "left" | "dilation_y" | "dilation_x", number> {
  return { stride_y: stride[0], stride_x: stride[1], top, left, dilation_y: dilation[0], dilation_x: dilation[1] };
}

/** Floats per output pixel of the matrix dy · wT: one for each tap and input channel. */
export function columnPitch(g: ConvGeometry): number { return pad4(g.kh * g.kw * g.c); }

/**
 * Whether the gradient of the input goes by columns: first dy · wT, then each pixel of dx gathers what reaches it. For few
 * input channels, where each value of dy would otherwise be loaded once per tap to do next to nothing; but only where the
 * matrix is no larger than dy, or windows do not overlap (the patches of a transformer), so that it is no larger than dx; and
 * where taps are neighbours. Depends on the layer alone.
 */
export function byColumns(g: ConvGeometry): boolean {
  const apart = g.stride[0] >= g.kh && g.stride[1] >= g.kw;
  return g.groups === 1 && g.c <= 4 && g.kh * g.kw > 1 && (apart || columnPitch(g) <= pad4(g.k)) && g.dilation.every((v) => v === 1);
}

/** Passes that an implicit GEMM takes for the gradient of the input: one per residue class of its pixels modulo the stride. */
export function residueClasses({ stride, h, w }: ConvGeometry): number { return Math.min(stride[0], h) * Math.min(stride[1], w); }
