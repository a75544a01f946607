import { EngineError } from "../../errors.ts";
import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { describeSides, extent, MOST_PIXELS, pair, type Pair, sides, type Sides } from "../window.ts";

/**
 * What a pooling layer does to [n, c, h, w]: window (oy, ox) holds the cells
 * (oy·stride − top + i·dilation, ox·stride − left + j·dilation) that lie inside the image, at least one.
 */
export interface PoolGeometry {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  /** Output sides, as `outputSide` says. */
  readonly oh: number;
  readonly ow: number;
  /** Rows and columns of cells of a window. */
  readonly window: Pair;
  readonly stride: Pair;
  readonly padding: Sides;
  /** From one cell of a window to the next. */
  readonly dilation: Pair;
  /** Round the output sides up, but not so far that a window starts beyond the image and its padding. */
  readonly ceilMode: boolean;
  /** Average pooling: divide by the cells of the window inside the image and its padding (true, PyTorch's default) or by those inside the image. */
  readonly countIncludePad: boolean;
}

export interface PoolOptions {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly window: number | Pair;
  /** Default: `window`, as PyTorch. */
  readonly stride?: number | Pair;
  /** Default 0. */
  readonly padding?: number | Sides;
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Default false. */
  readonly ceilMode?: boolean;
  /** Default true. */
  readonly countIncludePad?: boolean;
}

export type PoolKind = "maxPool" | "averagePool";

/** Completes a pooling layer's geometry. @throws EngineError SHAPE_MISMATCH naming `kind`. */
export function poolGeometry(kind: PoolKind, { n, c, h, w, countIncludePad = true, ceilMode = false, ...options }: PoolOptions): PoolGeometry {
  const [window, padding, dilation] = [pair(options.window), sides(options.padding ?? 0), pair(options.dilation ?? 1)];
  const open = { n, c, h, w, window, stride: pair(options.stride ?? window), padding, dilation, ceilMode, countIncludePad };
  const [oh, ow] = axesOf(open).map(outputSide) as [number, number];
  const g = { ...open, oh, ow };
  requirePoolGeometry(kind, g);
  return g;
}

/** One axis of a geometry. */
interface Axis { readonly side: number; readonly window: number; readonly stride: number; readonly before: number; readonly after: number; readonly dilation: number; readonly ceilMode: boolean }

function axesOf({ h, w, window, stride, padding: [top, left, bottom, right], dilation, ceilMode }: Omit<PoolGeometry, "oh" | "ow">): readonly [Axis, Axis] {
  return [
    { side: h, window: window[0], stride: stride[0], before: top, after: bottom, dilation: dilation[0], ceilMode },
    { side: w, window: window[1], stride: stride[1], before: left, after: right, dilation: dilation[1], ceilMode },
  ];
}

/**
 * ⌊(before + side + after − extent of the window) / stride⌋ + 1. With ceilMode rounded up instead, unless the last window
 * would then start beyond the image and the padding before it (PyTorch's pooling_output_shape, which ONNX follows).
 */
function outputSide({ side, window, stride, before, after, dilation, ceilMode }: Axis): number {
  const room = (side + before + after - extent(window, dilation)) / stride;
  if (!ceilMode) return Math.floor(room) + 1;
  const outputs = Math.ceil(room) + 1;
  return (outputs - 1) * stride >= side + before ? outputs - 1 : outputs;
}

/** @throws EngineError SHAPE_MISMATCH naming `where` and the side that does not fit. */
export function requirePoolGeometry(where: string, g: PoolGeometry): void {
  const { n, c, h, w, oh, ow, window, stride, padding, dilation } = g;
  const sizes = { n, c, h, w, window: window[0], "window across": window[1], stride: stride[0], "stride across": stride[1], dilation: dilation[0], "dilation across": dilation[1] };
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(value) || value <= 0) fail(where, `${name} to be a positive integer`, value, g);
  }
  if (!padding.every((side) => Number.isSafeInteger(side) && side >= 0)) fail(where, "padding to be integers ≥ 0", describeSides(padding), g);
  const axes = axesOf(g);
  const padded = axes.map(({ side, before, after }) => side + before + after);
  const most = Math.max(...padded, ...stride, ...dilation);
  if (most > MOST_PIXELS) fail(where, `padded sides, strides and dilations of at most ${MOST_PIXELS}`, most, g);
  const extents = axes.map((axis) => extent(axis.window, axis.dilation));
  if (extents.some((size, i) => size > padded[i]!)) fail(where, `a window within the padded image ${padded.join("×")}`, extents.join("×"), g);
  const outputs = axes.map(outputSide);
  if (oh !== outputs[0] || ow !== outputs[1]) fail(where, `an output of ${outputs.join("×")}`, `${oh}×${ow}`, g);
  if (!axes.every((axis, i) => everyWindowHoldsCells(axis, outputs[i]!))) fail(where, "padding that leaves every window a cell of the image", `padding ${describeSides(padding)} with windows of ${window.join("×")} on ${h}×${w}`, g);
}

/** Else a maximum would be −∞ and a mean 0 / 0. Windows that start inside the image hold the cell they start with. */
function everyWindowHoldsCells({ side, window, stride, before, dilation }: Axis, outputs: number): boolean {
  if ((outputs - 1) * stride - before >= side || before > extent(window, dilation)) return false;
  for (let start = -before, o = 0; start < 0 && o < outputs; start += stride, o++) {
    const first = Math.ceil(-start / dilation); // the first cell at or after 0
    if (first >= window || start + first * dilation >= side) return false;
  }
  return true;
}

/**
 * Checks the geometry and the tensors of a pooling kernel: `inputs` are [n, h, w, C], `outputs` [n, oh, ow, C].
 *
 * @returns C / 4 and how many vec4 an input and an output have.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function requirePool(kind: PoolKind, spec: KernelSpec, g: PoolGeometry, inputs: Readonly<Record<string, Tensor>>, outputs: Readonly<Record<string, Tensor>>): { quads: number; inputQuads: number; outputQuads: number } {
  requirePoolGeometry(kind, g);
  const quads = pad4(g.c) / 4;
  const inputQuads = g.n * g.h * g.w * quads;
  const outputQuads = g.n * g.oh * g.ow * quads;
  for (const [name, tensor] of Object.entries(inputs)) requireElements(spec.name, name, tensor, inputQuads * 4);
  for (const [name, tensor] of Object.entries(outputs)) requireElements(spec.name, name, tensor, outputQuads * 4);
  return { quads, inputQuads, outputQuads };
}

/** Workgroups of a kernel whose invocations take PER windows of one row and one vec4 of channels. */
export function runGroups({ constants }: KernelSpec, { n, oh, ow }: PoolGeometry, quads: number): number {
  return Math.ceil((n * oh * Math.ceil(ow / constants["PER"]!) * quads) / constants["WG"]!);
}

/** The fields that the gathering kernels share, in WGSL order. */
export function windowParams({ h, w, oh, ow, window, stride, padding: [top, left] }: PoolGeometry): Record<keyof typeof windowFields, number> {
  return { h, w, oh, ow, window: window[0], window_width: window[1], stride_y: stride[0], stride_x: stride[1], top, left };
}
export const windowFields = { h: "u32", w: "u32", oh: "u32", ow: "u32", window: "u32", window_width: "u32", stride_y: "u32", stride_x: "u32", top: "u32", left: "u32" } as const;

/** Which cells of the padded image average pooling counts, after `windowParams`: from top left to past bottom right. */
export function countParams({ h, w, padding: [top, left, bottom, right], countIncludePad }: PoolGeometry): Record<keyof typeof countFields, number> {
  return countIncludePad ? { count_top: 0, count_left: 0, count_bottom: top + h + bottom, count_right: left + w + right } : { count_top: top, count_left: left, count_bottom: top + h, count_right: left + w };
}
export const countFields = { count_top: "u32", count_left: "u32", count_bottom: "u32", count_right: "u32" } as const;

function fail(where: string, expected: string, got: number | string, g: PoolGeometry): never {
  throw new EngineError("SHAPE_MISMATCH", `${where}: expected ${expected}, got ${got}`, { where, ...g });
}
