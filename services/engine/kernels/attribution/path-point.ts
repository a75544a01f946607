import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, requireRows, requireType } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "attribution/path-point", lib: ["lib/grid"], params: { n: "u32", columns: "u32", images: "u32" },
  reads: ["x", "baseline", "sourceRow", "alpha"], writes: ["y"], constants: { WG: 8, PER: 8 }, template: { V },
});
export const pathPointSpec = specOf(4);
export const pathPointUnalignedSpec = specOf(1);

/**
 * Points of the straight path from baseline to image: y_j = b + α_j (x − b), x and b of the image that row j belongs to.
 *
 * @param x         [images, m] f32.
 * @param baseline  [images, m] f32.
 * @param sourceRow [n] u32, image of each row.
 * @param alpha     [n] f32, place on the path.
 * @param y         [n, m] f32, output.
 * @param options   `n` rows of y, `m` sub-pixels, `images` rows of x.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attribution/path-point.wgsl
 */
export function pathPoint(x: Tensor, baseline: Tensor, sourceRow: Tensor, alpha: Tensor, y: Tensor, { n, m, images }: { n: number; m: number; images: number }): Dispatch {
  const V = lanesOf(m);
  const spec = V === 4 ? pathPointSpec : pathPointUnalignedSpec;
  requireRows(spec.name, n, m);
  requirePositive(spec.name, { images });
  requireType(spec.name, "sourceRow", sourceRow, "u32");
  requireElements(spec.name, "x", x, images * m);
  requireElements(spec.name, "baseline", baseline, images * m);
  requireElements(spec.name, "sourceRow", sourceRow, n);
  requireElements(spec.name, "alpha", alpha, n);
  requireElements(spec.name, "y", y, n * m);
  return { kind: "dispatch", spec, params: { n, columns: m / V, images }, buffers: [x, baseline, sourceRow, alpha, y], workgroups: elementwiseGroups(spec, (n * m) / V) };
}
