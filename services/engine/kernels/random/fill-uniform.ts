import type { Dispatch } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { MAX_F32, requireScalar, type Scalar } from "../image-space.ts";
import { fillRows, fillSpecs, type RandomKey } from "./row-fill.ts";

const specs = fillSpecs("random/fill-uniform", [], { low: "f32", high: "f32" });
export const fillUniformSpec = specs[4];
export const fillUniformUnalignedSpec = specs[1];

/**
 * y = low + u·(high − low), u uniform in [0, 1) in steps of 2^-24: the host computes the same u to the bit.
 *
 * @param images [n] u32, index of each row's image in the data set.
 * @param y      [n, m] f32, output in [low, high].
 * @param draws  [n] u32, added to `draw` row by row; default: nothing added.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (a word outside u32, low > high, not finite).
 * @see shaders/random/fill-uniform.wgsl
 */
export function fillUniform(images: Tensor, y: Tensor, options: RandomKey & { n: number; m: number; low: Scalar; high: Scalar }, draws?: Tensor): Dispatch {
  const { low, high } = options;
  requireScalar("random/fill-uniform", "low", low, -MAX_F32, typeof high === "number" ? high : MAX_F32);
  requireScalar("random/fill-uniform", "high", high, -MAX_F32, MAX_F32);
  return fillRows(specs, images, y, draws, options, { low, high });
}
