import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, MAX_F32, requireRows, requireScalar, requireWords, type Scalar } from "../image-space.ts";
import { RANDOM_PARAMS, type RandomKey, requireRowKeys } from "../random/row-fill.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attack/linf-start", lib: ["lib/grid", "lib/philox"],
  params: { ...RANDOM_PARAMS, epsilon: "f32", low: "f32", high: "f32" },
  reads: ["x0", "images", "draws"], writes: ["x"], constants: { WG: 8, PER: 4 }, template: { V },
});
export const linfStartSpec = specOf(4);
export const linfStartUnalignedSpec = specOf(1);

/** What the random starts are told. `low` and `high`, the bounds of a pixel, default to 0 and 1. */
export type StartOptions = RandomKey & { n: number; m: number; epsilon: Scalar; low?: number; high?: number };

/**
 * x uniform in the box of radius ε around x0, then clipped to [low, high].
 *
 * @param x0     [n, m] f32, clean images.
 * @param images [n] u32, index of each row's image in the data set.
 * @param x      [n, m] f32, output.
 * @param draws  [n] u32, added to `draw` row by row; default: nothing added.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (epsilon < 0, low > high, a word outside u32).
 * @see shaders/attack/linf-start.wgsl
 */
export function linfStart(x0: Tensor, images: Tensor, x: Tensor, options: StartOptions, draws?: Tensor): Dispatch {
  const { n, m, seedLow, seedHigh, draw, stream, epsilon, low = 0, high = 1 } = options;
  const spec = lanesOf(m) === 4 ? linfStartSpec : linfStartUnalignedSpec;
  requireStart(spec.name, x0, images, x, options, draws);
  const params = { n, m, seedLow, seedHigh, draw, stream, rowDraws: draws ? 1 : 0, epsilon, low, high };
  return { kind: "dispatch", spec, params, buffers: [x0, images, draws ?? images, x], workgroups: elementwiseGroups(spec, n * Math.ceil(m / 4)) };
}

/** The checks that the random starts share. */
export function requireStart(kernel: string, x0: Tensor, images: Tensor, x: Tensor, options: StartOptions, draws: Tensor | undefined): void {
  const { n, m, seedLow, seedHigh, draw, stream, epsilon, low = 0, high = 1 } = options;
  requireRows(kernel, n, m);
  requireWords(kernel, { seedLow, seedHigh, draw, stream });
  requireRowKeys(kernel, images, draws, n);
  requireElements(kernel, "x0", x0, n * m);
  requireElements(kernel, "x", x, n * m);
  requireScalar(kernel, "epsilon", epsilon, 0, MAX_F32);
  requireScalar(kernel, "low", low, -MAX_F32, high);
}
