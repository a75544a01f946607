import { EngineError } from "../../errors.ts";
import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";

/** What a pooling layer does to [n, c, h, w]. Sides in cells; windows start at −padding and step by `stride` on both axes. */
export interface PoolGeometry {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  /** Output sides: floor((side + 2·padding − window) / stride) + 1. */
  readonly oh: number;
  readonly ow: number;
  /** Rows of a window. */
  readonly window: number;
  /** Columns of a window; default `window`. Differs only for global pooling of images that are not square. */
  readonly windowWidth?: number;
  readonly stride: number;
  /** Cells added on each side; at most half a window, so that every window holds a cell of the image. */
  readonly padding: number;
  /** Average pooling: divide by the whole window (true, PyTorch's default) or by its cells inside the image. */
  readonly countIncludePad: boolean;
}

export interface PoolOptions {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly window: number;
  readonly windowWidth?: number;
  /** Default: `window`, as PyTorch. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
  /** Default true. */
  readonly countIncludePad?: boolean;
}

export type PoolKind = "maxPool" | "averagePool";

/** Completes a pooling layer's geometry. @throws EngineError SHAPE_MISMATCH naming `kind`. */
export function poolGeometry(kind: PoolKind, { n, c, h, w, window, windowWidth = window, stride = window, padding = 0, countIncludePad = true }: PoolOptions): PoolGeometry {
  const g = { n, c, h, w, oh: outputSide(h, window, stride, padding), ow: outputSide(w, windowWidth, stride, padding), window, windowWidth, stride, padding, countIncludePad };
  requirePoolGeometry(kind, g);
  return g;
}

/** @throws EngineError SHAPE_MISMATCH naming `where` and the side that does not fit. */
export function requirePoolGeometry(where: string, g: PoolGeometry): void {
  const { n, c, h, w, oh, ow, window, windowWidth = window, stride, padding } = g;
  for (const [name, value] of Object.entries({ n, c, h, w, window, windowWidth, stride })) {
    if (!Number.isSafeInteger(value) || value <= 0) fail(where, `${name} to be a positive integer`, value, g);
  }
  if (!Number.isSafeInteger(padding) || padding < 0 || padding > Math.min(window, windowWidth) / 2) fail(where, `padding in [0, half of the window ${window}×${windowWidth}]`, padding, g);
  if (window > h + 2 * padding || windowWidth > w + 2 * padding) fail(where, `a window within the padded image ${h + 2 * padding}×${w + 2 * padding}`, `${window}×${windowWidth}`, g);
  const sides = [outputSide(h, window, stride, padding), outputSide(w, windowWidth, stride, padding)];
  if (oh !== sides[0] || ow !== sides[1]) fail(where, `an output of ${sides.join("×")}`, `${oh}×${ow}`, g);
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
export function windowParams({ h, w, oh, ow, window, windowWidth = window, stride, padding }: PoolGeometry): Record<"h" | "w" | "oh" | "ow" | "window" | "window_width" | "stride" | "padding", number> {
  return { h, w, oh, ow, window, window_width: windowWidth, stride, padding };
}

function outputSide(side: number, window: number, stride: number, padding: number): number {
  return Math.floor((side + 2 * padding - window) / stride) + 1;
}

function fail(where: string, expected: string, got: number | string, g: PoolGeometry): never {
  throw new EngineError("SHAPE_MISMATCH", `${where}: expected ${expected}, got ${got}`, { where, ...g });
}
