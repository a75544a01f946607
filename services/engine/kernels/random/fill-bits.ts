import type { Dispatch } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { requireType } from "../image-space.ts";
import { fillRows, fillSpecs, type RandomKey } from "./row-fill.ts";

const specs = fillSpecs("random/fill-bits", [], {});
export const fillBitsSpec = specs[4];
export const fillBitsUnalignedSpec = specs[1];

/**
 * Raw random words; ranking them (reduce/rank-rows) gives a uniformly random order of each row, for the random controls.
 *
 * @param images [n] u32, index of each row's image in the data set.
 * @param y      [n, m] u32, output.
 * @param draws  [n] u32, added to `draw` row by row (several samples of one image in one batch); default: nothing added.
 * @throws EngineError SHAPE_MISMATCH, VALUE_RANGE (a word outside u32).
 * @see shaders/random/fill-bits.wgsl
 */
export function fillBits(images: Tensor, y: Tensor, options: RandomKey & { n: number; m: number }, draws?: Tensor): Dispatch {
  requireType("random/fill-bits", "y", y, "u32");
  return fillRows(specs, images, y, draws, options, {});
}
