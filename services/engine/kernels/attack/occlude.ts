import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, MAX_F32, requireRows, requireScalar, requireType, type Scalar } from "../image-space.ts";

export const occludeSpec: KernelSpec = {
  name: "attack/occlude", lib: ["lib/grid"],
  params: { rows: "u32", images: "u32", c: "u32", h: "u32", w: "u32", maxCentres: "u32", colour: "f32" },
  reads: ["x", "centres", "sourceRow", "count", "radius"], writes: ["y"], constants: { WG: 8, PER: 4 },
};

/** One variant per output row, so that a whole grid of counts and radii over several images is one launch. */
export interface OcclusionRows {
  /** [rows] u32, image of each row. */
  readonly sourceRow: Tensor;
  /** [rows] u32, how many of the image's centres; at most maxCentres. */
  readonly count: Tensor;
  /** [rows] u32, half the side of a square in pixels. */
  readonly radius: Tensor;
}

export interface OccludeOptions {
  readonly rows: number;
  readonly images: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly maxCentres: number;
  /** Of every channel, pixel units of [0, 1]. */
  readonly colour: Scalar;
}

/**
 * Row j: its image with the squares [y−r, y+r) × [x−r, x+r), clipped to the image, around its first `count` centres
 * painted in one colour. Each row starts from the clean image; count 0 or radius 0 copies it.
 *
 * @param x       [images, c·h·w] f32, clean images.
 * @param centres [images, maxCentres] u32, pixel indices y·w + x, most important first.
 * @param variant what each row paints.
 * @param y       [rows, c·h·w] f32, output.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (colour not finite).
 * @see shaders/attack/occlude.wgsl
 */
export function occlude(x: Tensor, centres: Tensor, { sourceRow, count, radius }: OcclusionRows, y: Tensor, options: OccludeOptions): Dispatch {
  const { name } = occludeSpec;
  const { rows, images, c, h, w, maxCentres, colour } = options;
  const m = c * h * w;
  requirePositive(name, { rows, images, c, h, w, maxCentres });
  requireRows(name, Math.max(rows, images), m);
  for (const [label, tensor] of Object.entries({ centres, sourceRow, count, radius })) requireType(name, label, tensor, "u32");
  for (const [label, tensor] of Object.entries({ sourceRow, count, radius })) requireElements(name, label, tensor, rows);
  requireElements(name, "x", x, images * m);
  requireElements(name, "centres", centres, images * maxCentres);
  requireElements(name, "y", y, rows * m);
  requireScalar(name, "colour", colour, -MAX_F32, MAX_F32);
  return {
    kind: "dispatch", spec: occludeSpec, params: { rows, images, c, h, w, maxCentres, colour },
    buffers: [x, centres, sourceRow, count, radius, y], workgroups: elementwiseGroups(occludeSpec, rows * h * w),
  };
}

/** The host arrays behind OcclusionRows for every (n, r) with n = 1 … maxCount (outer) and r = 1 … maxRadius (inner) of each image. */
export function occlusionGrid(images: number, maxCount: number, maxRadius: number): Record<keyof OcclusionRows, Uint32Array> {
  const grid = maxCount * maxRadius;
  const column = (value: (variant: number, image: number) => number): Uint32Array =>
    Uint32Array.from({ length: images * grid }, (_, j) => value(j % grid, Math.floor(j / grid)));
  return {
    sourceRow: column((_, image) => image),
    count: column((variant) => Math.floor(variant / maxRadius) + 1),
    radius: column((variant) => (variant % maxRadius) + 1),
  };
}
