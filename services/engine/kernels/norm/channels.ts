import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, requireRange, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { F32_TINY } from "../elementwise/flat.ts";

/** An activation seen as a matrix: rows = n·h·w (or n for features) by c channels, padded to C. */
export interface ChannelShape {
  readonly rows: number;
  readonly c: number;
}

/** With the number added to the variance under the root, > 0 (PyTorch's default 1e-5). */
export interface NormShape extends ChannelShape {
  readonly epsilon: number;
}

/**
 * Checks a channel-wise kernel: `matrices` hold [rows, C], `vectors` [C].
 *
 * @returns quads = C / 4.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function requireChannels(spec: KernelSpec, { rows, c }: ChannelShape, matrices: Readonly<Record<string, Tensor>>, vectors: Readonly<Record<string, Tensor>>): number {
  requirePositive(spec.name, { rows, c });
  for (const [name, tensor] of Object.entries(matrices)) requireElements(spec.name, name, tensor, rows * pad4(c));
  for (const [name, tensor] of Object.entries(vectors)) requireElements(spec.name, name, tensor, pad4(c));
  return pad4(c) / 4;
}

/** @throws EngineError VALUE_RANGE unless epsilon > 0: a padding lane has variance 0. */
export function requireEpsilon(spec: KernelSpec, epsilon: number): void {
  requireRange(spec.name, "epsilon", epsilon, F32_TINY, 1);
}

/** Workgroups of a kernel whose invocations take PER rows of one vec4 of channels. */
export function rowGroups({ constants }: KernelSpec, rows: number, quads: number): number {
  return Math.ceil((Math.ceil(rows / constants["PER"]!) * quads) / constants["WG"]!);
}

/** How a reduction over rows is cut: the sums of `slices` runs of `sliceRows` rows (the last may be shorter), then their sum. */
export interface Slices {
  readonly sliceRows: number;
  readonly slices: number;
}

/**
 * About √rows slices of √rows rows: both passes are then equally long, and rounding errors grow like √rows. Depends on
 * nothing but `rows`, so the order of summation is the same on every adapter.
 */
export function slicesOf(rows: number): Slices {
  const sliceRows = Math.ceil(Math.sqrt(rows));
  return { sliceRows, slices: Math.ceil(rows / sliceRows) };
}

/** Elements of the scratch tensor [slices, 2, C] of batchStatistics and batchGradSums. @throws EngineError SHAPE_MISMATCH. */
export function sliceElements(where: string, { rows, c }: ChannelShape): number {
  requirePositive(where, { rows, c });
  return slicesOf(rows).slices * 2 * pad4(c);
}
