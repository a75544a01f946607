import type { Dispatch } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { MAX_F32, requireScalar, type Scalar } from "../image-space.ts";
import { fillRows, fillSpecs, type RandomKey } from "./row-fill.ts";

const specs = fillSpecs("random/fill-normal", ["lib/normal"], { mean: "f32", sd: "f32" });
export const fillNormalSpec = specs[4];
export const fillNormalUnalignedSpec = specs[1];

/**
 * y = mean + sd·z with z standard normal (Box–Muller; |z| < 5.8, since the uniforms have 24 bits).
 *
 * @param images [n] u32, index of each row's image in the data set.
 * @param y      [n, m] f32, output.
 * @param options `mean` defaults to 0, `sd` to 1.
 * @param draws  [n] u32, added to `draw` row by row; default: nothing added.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (a word outside u32, sd < 0, not finite).
 * @see shaders/random/fill-normal.wgsl
 */
export function fillNormal(images: Tensor, y: Tensor, options: RandomKey & { n: number; m: number; mean?: Scalar; sd?: Scalar }, draws?: Tensor): Dispatch {
  const { mean = 0, sd = 1 } = options;
  requireScalar("random/fill-normal", "mean", mean, -MAX_F32, MAX_F32);
  requireScalar("random/fill-normal", "sd", sd, 0, MAX_F32);
  return fillRows(specs, images, y, draws, options, { mean, sd });
}
