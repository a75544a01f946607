import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { elementwiseGroups } from "../image-space.ts";

export const normaliseSpec: KernelSpec = {
  name: "norm/normalise",
  lib: ["lib/grid"],
  params: { pixels: "u32", area: "u32", c: "u32", quads: "u32" },
  reads: ["image", "mean", "deviation"],
  writes: ["y"],
  constants: { WG: 8, PER: 64 },
};

/** Logical shape of a batch of images. */
export interface ImageShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
}

/**
 * y = (image − mean) / deviation per channel, from image space to an activation: the first operator of every graph.
 *
 * @param image     [n, c·h·w] f32, dense NCHW in [0, 1].
 * @param y         [n, h, w, C] f32, output: padding lanes are written as 0; may not alias image.
 * @param mean      [C] f32, in pixel units of [0, 1].
 * @param deviation [C] f32, not 0 in the first c lanes.
 * @throws EngineError SHAPE_MISMATCH when a side is not a positive integer or a tensor is too small.
 */
export function normalise(image: Tensor, y: Tensor, mean: Tensor, deviation: Tensor, shape: ImageShape): Dispatch {
  const { n, c, h, w } = shape;
  const { name } = normaliseSpec;
  requirePositive(name, { n, c, h, w });
  const pixels = n * h * w;
  requireElements(name, "image", image, pixels * c);
  requireElements(name, "y", y, pixels * pad4(c));
  requireElements(name, "mean", mean, pad4(c));
  requireElements(name, "deviation", deviation, pad4(c));
  const params = { pixels, area: h * w, c, quads: pad4(c) / 4 };
  return { kind: "dispatch", spec: normaliseSpec, params, buffers: [image, mean, deviation, y], workgroups: elementwiseGroups(normaliseSpec, pixels) };
}
