import type { KernelFamily } from "../../gpu/device.ts";
import type { Dispatch, Step } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type ConvGeometry, inputElements, weightElements } from "./geometry.ts";
import { forwardPass, type GemmOperands, type GemmPass, gradInputPasses } from "./implicit-gemm.ts";
import { implicitGemmMatrix, matrixSpec } from "./implicit-gemm-matrix.ts";
import { defaultTile, GEMM_TILES, type GemmTile, implicitGemmTiled } from "./implicit-gemm-tiled.ts";
import { halfElements, toHalf } from "./to-half.ts";
import { transposedElements, transposeWeight } from "./transpose-weight.ts";
import { defaultWeightTile, WEIGHT_TILES, type WeightTile } from "./weight-gradient-tiled.ts";
import { isWinograd, mirrored, winograd, winogradScratchElements } from "./winograd.ts";
import { winogradWeight, winogradWeightElements } from "./winograd-weight.ts";

/**
 * The ways a GPU computes a convolution of one group, by name, the documented default first:
 *
 *   64x64 (and the other tiles)   conv/implicit-gemm-tiled; all tiles give the same bits
 *   winograd                      three steps (winograd.ts); another order of sums, hence other bits
 *   matrix                        conv/implicit-gemm-matrix, where the user asked for matrix units
 *
 * Which names there are depends on everything but the batch; their order may depend on it too. With f16 asked for, weights
 * and activations are multiplied as f16 ("64x64-f16"), but never gradients, which an f16 would often flush to 0.
 */

export type WorkgroupFamily = Extract<KernelFamily, { kind: "workgroup" }>;

const HALF = "-f16";

export function tiledForwardVariants({ half, matrix }: WorkgroupFamily, g: ConvGeometry): readonly string[] {
  const tiles = defaultFirst(GEMM_TILES, defaultTile(forwardPass(g)));
  const all = [...(matrix ? ["matrix"] : []), ...tiles];
  if (half) return all.map((name) => name + HALF);
  return isWinograd(g) ? [...all, "winograd"] : all;
}

/** Not for geometries that go by columns. */
export function tiledGradInputVariants({ half, matrix }: WorkgroupFamily, g: ConvGeometry): readonly string[] {
  const tiles = defaultFirst(GEMM_TILES, defaultTile(gradInputPasses(g)[0]!));
  if (half) return tiles.map((name) => name + HALF);
  return [...(matrix ? ["matrix"] : []), ...tiles, ...(isWinograd(mirrored(g)) ? ["winograd"] : [])];
}

export function tiledGradWeightVariants(g: ConvGeometry): readonly WeightTile[] { return defaultFirst(WEIGHT_TILES, defaultWeightTile(g)); }

/** What a variant needs beside its operands; counts are of f32 elements. */
export interface TiledNeeds {
  /** The weight in the variant's own form, made of the layer's [kh·kw, C, K] whenever the parameters change. */
  readonly weight?: OwnWeight;
  /** Scratch tensors, no two in one buffer. */
  readonly scratch: readonly number[];
}

export interface OwnWeight {
  readonly elements: number;
  /** Scratch for `prepare`. */
  readonly scratch: readonly number[];
  prepare(w: Tensor, own: Tensor, scratch: readonly Tensor[]): Step[];
}

/** @param variant one of tiledForwardVariants(…, g) or tiledGradInputVariants(…, g). */
export function tiledNeeds(variant: string, operation: "forward" | "grad-input", g: ConvGeometry): TiledNeeds {
  return operation === "forward" ? forwardNeeds(variant, g) : gradInputNeeds(variant, g);
}

function forwardNeeds(variant: string, g: ConvGeometry): TiledNeeds {
  if (variant === "winograd") return { weight: winogradForm(g, false), scratch: winogradScratchElements(g) };
  if (!variant.endsWith(HALF)) return { scratch: [] };
  const elements = weightElements(g);
  return { weight: { elements: halfElements(elements), scratch: [], prepare: (w, own) => [toHalf(w, own, elements)] }, scratch: [halfElements(inputElements(g))] };
}

function gradInputNeeds(variant: string, g: ConvGeometry): TiledNeeds {
  if (variant === "winograd") return { weight: winogradForm(g, true), scratch: winogradScratchElements(mirrored(g)) };
  const elements = transposedElements(g);
  if (!variant.endsWith(HALF)) return { weight: { elements, scratch: [], prepare: (w, own) => [transposeWeight(g, w, own)] }, scratch: [] };
  const prepare = (w: Tensor, own: Tensor, [wT]: readonly Tensor[]): Step[] => [transposeWeight(g, w, wT!), toHalf(wT!, own, elements)];
  return { weight: { elements: halfElements(elements), scratch: [elements], prepare }, scratch: [] };
}

function winogradForm(g: ConvGeometry, adjoint: boolean): OwnWeight {
  return { elements: winogradWeightElements(g), scratch: [], prepare: (w, own) => [winogradWeight(g, w, own, { adjoint })] };
}

/** @param operands with the weight in the variant's form. Sizes of x, y and the epilogue's tensors are checked by convForward. */
export function tiledForward({ matrix }: WorkgroupFamily, variant: string, g: ConvGeometry, operands: GemmOperands, scratch: readonly Tensor[]): Step[] {
  if (variant === "winograd") return winograd(g, operands, scratch as readonly [Tensor, Tensor]);
  const half = variant.endsWith(HALF);
  const [x, ...others] = operands.buffers as [Tensor, ...Tensor[]];
  const own = half ? { ...operands, buffers: [scratch[0]!, ...others] } : operands;
  return [...(half ? [toHalf(x, scratch[0]!, inputElements(g))] : []), product(matrix, variant, forwardPass(g), own, { x: half, w: half })];
}

/** @param operands dy, the weight in the variant's form, bias, residual, mask, dx. Sizes of all but it are checked by convGradInput. */
export function tiledGradInput({ matrix }: WorkgroupFamily, variant: string, g: ConvGeometry, operands: GemmOperands, scratch: readonly Tensor[]): Step[] {
  if (variant === "winograd") return winograd(mirrored(g), operands, scratch as readonly [Tensor, Tensor]);
  return gradInputPasses(g).map((pass) => product(matrix, variant, pass, operands, { x: false, w: variant.endsWith(HALF) }));
}

function product(matrix: WorkgroupFamily["matrix"], variant: string, pass: GemmPass, operands: GemmOperands, halves: { x: boolean; w: boolean }): Dispatch {
  const name = variant.replace(HALF, "");
  return name === "matrix" ? implicitGemmMatrix(matrixSpec(matrix!), pass, operands) : implicitGemmTiled(pass, operands, { tile: name as GemmTile, halves });
}

function defaultFirst<T>(all: readonly T[], first: T): readonly T[] { return [first, ...all.filter((each) => each !== first)]; }
