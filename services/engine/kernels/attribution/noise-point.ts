import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, MAX_F32, requireRows, requireScalar, requireType, type Scalar } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attribution/noise-point", lib: ["lib/grid"], params: { n: "u32", columns: "u32", images: "u32", scale: "f32" },
  reads: ["x", "sourceRow", "noise"], writes: ["y"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const noisePointSpec = specOf(4);
export const noisePointUnalignedSpec = specOf(1);

/**
 * Noisy copies for SmoothGrad and GradientSHAP: y_j = x + scale·z_j, x the image that row j belongs to. Not clipped.
 *
 * @param x         [images, m] f32.
 * @param sourceRow [n] u32, image of each row.
 * @param noise     [n, m] f32, z (random/fill-normal with a draw per row).
 * @param y         [n, m] f32, output.
 * @param options   `n` rows of y, `m` sub-pixels, `images` rows of x, `scale` the standard deviation in pixel units of [0, 1].
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (scale not finite).
 * @see shaders/attribution/noise-point.wgsl
 */
export function noisePoint(x: Tensor, sourceRow: Tensor, noise: Tensor, y: Tensor, { n, m, images, scale }: { n: number; m: number; images: number; scale: Scalar }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? noisePointSpec : noisePointUnalignedSpec;
  requireRows(spec.name, n, m);
  requirePositive(spec.name, { images });
  requireType(spec.name, "sourceRow", sourceRow, "u32");
  requireElements(spec.name, "x", x, images * m);
  requireElements(spec.name, "sourceRow", sourceRow, n);
  requireElements(spec.name, "noise", noise, n * m);
  requireElements(spec.name, "y", y, n * m);
  requireScalar(spec.name, "scale", scale, -MAX_F32, MAX_F32);
  return { kind: "dispatch", spec, params: { n, columns: m / V, images, scale }, buffers: [x, sourceRow, noise, y], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
