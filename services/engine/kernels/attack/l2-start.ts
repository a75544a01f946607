import type { KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { fillNormal } from "../random/fill-normal.ts";
import { RANDOM_PARAMS } from "../random/row-fill.ts";
import { rowNorm } from "../reduce/row-norm.ts";
import { requireStart, type StartOptions } from "./linf-start.ts";

export const l2StartSpec: KernelSpec = {
  name: "attack/l2-start", lib: ["lib/grid", "lib/philox", "lib/normal"],
  params: { ...RANDOM_PARAMS, epsilon: "f32", low: "f32", high: "f32" },
  reads: ["x0", "norm", "images", "draws"], writes: ["x"], constants: { WG: 64 },
};

/**
 * x uniform in the l2 ball of radius ε around x0 (normals normalised, times u^(1/m)·ε), then clipped to [low, high].
 *
 * @param x0     [n, m] f32, clean images in [low, high]; may not alias x.
 * @param images [n] u32, index of each row's image in the data set.
 * @param x      [n, m] f32, output.
 * @param norm   [n] f32, scratch.
 * @param draws  [n] u32, added to `draw` row by row; default: nothing added.
 * @returns three steps: normals into x, their lengths into norm, the start into x.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (epsilon < 0, low > high, a word outside u32).
 * @see shaders/attack/l2-start.wgsl
 */
export function l2Start(x0: Tensor, images: Tensor, x: Tensor, norm: Tensor, options: StartOptions, draws?: Tensor): Step[] {
  const { n, m, seedLow, seedHigh, draw, stream, epsilon, low = 0, high = 1 } = options;
  requireStart(l2StartSpec.name, x0, images, x, options, draws);
  requireElements(l2StartSpec.name, "norm", norm, n);
  const params = { n, m, seedLow, seedHigh, draw, stream, rowDraws: draws ? 1 : 0, epsilon, low, high };
  return [
    fillNormal(images, x, { n, m, seedLow, seedHigh, draw, stream }, draws),
    rowNorm(x, null, norm, { n, m }),
    { kind: "dispatch", spec: l2StartSpec, params, buffers: [x0, norm, images, draws ?? images, x], workgroups: n },
  ];
}
