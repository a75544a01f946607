import type { Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { Sides } from "../window.ts";
import { type ConvGeometry, isPlain, linearGeometry } from "./geometry.ts";
import { forwardPass, type GemmOperands } from "./implicit-gemm.ts";
import { implicitGemmTiled } from "./implicit-gemm-tiled.ts";
import { winogradInput, winogradTiles } from "./winograd-input.ts";
import { winogradOutput } from "./winograd-output.ts";
import { winogradWeightElements } from "./winograd-weight.ts";

/**
 * Winograd's F(2×2, 3×3): 16 products per 2×2 outputs and channel where the direct form has 36, paid with four times the
 * traffic of input and output. Two transforms of the operands, 16 matrix products in one dispatch, one transform back.
 *
 * Its error: each output is made of 16 sums of C products instead of one of 9·C, and the transforms add no factor over 4,
 * so in f32 it is no larger than the direct form's (measured on normal data: 0.5 to 1.0 of it in the L2 norm for 16 to 512
 * channels). F(4×4, 3×3), with factors up to 8, has 4 to 6 times the direct form's error, more than the tolerance that
 * every other variant keeps: it is left out.
 */

/** With fewer channels the transforms move more bytes than the products save. */
const FEWEST_CHANNELS = 32;

/**
 * The transformed operands of so many tiles stand in scratch at a time, in f32 elements: 32 MiB, about what a large GPU's
 * second-level cache holds. Batches that need more go through in slices.
 */
const MOST_SCRATCH = 8 * 2 ** 20;

/** Whether the forward convolution can go this way; of a gradient of the input ask `isWinograd(mirrored(g))`. */
export function isWinograd(g: ConvGeometry): boolean {
  const [padding] = g.padding;
  return g.kh === 3 && g.kw === 3 && padding >= 0 && isPlain(g, { stride: 1, padding }) && g.groups === 1 && Math.min(g.c, g.k) >= FEWEST_CHANNELS;
}

/** The gradient of the input of a 3×3 convolution of stride 1, as a convolution of dy with the flipped, transposed filter. */
export function mirrored(g: ConvGeometry): ConvGeometry {
  return { ...g, c: g.k, h: g.oh, w: g.ow, k: g.c, oh: g.h, ow: g.w, padding: g.padding.map((side) => 2 - side) as unknown as Sides };
}

/** f32 elements of the two scratch tensors that `winograd` needs, together `most` if one tile fits: transformed input and products. They lie in different buffers. */
export function winogradScratchElements(g: ConvGeometry, most = MOST_SCRATCH): readonly [number, number] {
  const cells = 16 * tilesPerSlice(g, most);
  return [cells * pad4(g.c), cells * pad4(g.k)];
}

/**
 * y = finish( bias + conv(x, w) ). Sizes of x and y and the epilogue's are checked by convForward and convGradInput.
 *
 * @param operands x, u (from winogradWeight), bias, residual, mask, y.
 * @param scratch of winogradScratchElements(g, most) elements.
 * @throws EngineError SHAPE_MISMATCH when scratch or u is too small.
 */
export function winograd(g: ConvGeometry, { flags, buffers }: GemmOperands, [v, p]: readonly [Tensor, Tensor], most = MOST_SCRATCH): Step[] {
  const [x, u, ...epilogue] = buffers as [Tensor, Tensor, ...Tensor[]];
  const [elementsV, elementsP] = winogradScratchElements(g, most);
  requireElements("winograd", "u", u, winogradWeightElements(g));
  requireElements("winograd", "scratch v", v, elementsV);
  requireElements("winograd", "scratch p", p, elementsP);
  const { all } = winogradTiles(g);
  const perSlice = tilesPerSlice(g, most);
  const steps: Step[] = [];
  for (let first = 0; first < all; first += perSlice) {
    const range = { first, tiles: Math.min(perSlice, all - first) };
    const product = forwardPass(linearGeometry(range.tiles, pad4(g.c), g.k));
    steps.push(
      winogradInput(g, x, v, range),
      implicitGemmTiled(product, { flags: 0, buffers: [v, u, v, v, v, p] }, { batches: 16 }),
      winogradOutput(g, { flags, buffers: [p, ...epilogue] }, range),
    );
  }
  return steps;
}

/** Equal slices, as few as the scratch allows. */
function tilesPerSlice(g: ConvGeometry, most: number): number {
  const { all } = winogradTiles(g);
  const limit = Math.max(1, Math.floor(most / (16 * (pad4(g.c) + pad4(g.k)))));
  return Math.ceil(all / Math.ceil(all / limit));
}
