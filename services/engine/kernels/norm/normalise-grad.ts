import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { elementwiseGroups } from "../image-space.ts";
import type { ImageShape } from "./normalise.ts";

export const normaliseGradSpec: KernelSpec = {
  name: "norm/normalise-grad",
  lib: ["lib/grid"],
  params: { pixels: "u32", area: "u32", c: "u32", quads: "u32" },
  reads: ["dy", "deviation"],
  writes: ["dimage"],
  constants: { WG: 8, PER: 64 },
};

/**
 * dimage = dy / deviation per channel, from an activation back to image space: what every attack and attribution reads.
 *
 * @param dy        [n, h, w, C] f32, NHWC.
 * @param dimage    [n, c·h·w] f32, dense NCHW, output; may not alias dy.
 * @param deviation [C] f32, not 0 in the first c lanes.
 * @throws EngineError SHAPE_MISMATCH when a side is not a positive integer or a tensor is too small.
 */
export function normaliseGrad(dy: Tensor, dimage: Tensor, deviation: Tensor, shape: ImageShape): Dispatch {
  const { n, c, h, w } = shape;
  const { name } = normaliseGradSpec;
  requirePositive(name, { n, c, h, w });
  const pixels = n * h * w;
  requireElements(name, "dy", dy, pixels * pad4(c));
  requireElements(name, "dimage", dimage, pixels * c);
  requireElements(name, "deviation", deviation, pad4(c));
  const params = { pixels, area: h * w, c, quads: pad4(c) / 4 };
  return { kind: "dispatch", spec: normaliseGradSpec, params, buffers: [dy, deviation, dimage], workgroups: elementwiseGroups(normaliseGradSpec, pixels) };
}
