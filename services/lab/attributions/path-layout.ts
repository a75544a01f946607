import { quadrature } from "./quadrature.ts";

/** Which point of which image's path each row of each launch is. */
export interface PathLayout {
  readonly launches: readonly Launch[];
  /** [launches · rows] image of each row, padding rows included. */
  readonly imageOfRow: Uint32Array;
  /** [images] row (over all launches) where the path ends at the image and where it starts at the baseline. */
  readonly endRow: Uint32Array;
  readonly startRow: Uint32Array;
}

export interface Launch {
  /** [rows] */
  readonly sourceRow: Uint32Array;
  readonly alpha: Float32Array;
  readonly weight: Float32Array;
  /** [images] the rows of this launch that belong to each image. */
  readonly firstRow: Uint32Array;
  readonly rowCount: Uint32Array;
}

type Rule = "gauss-legendre" | "trapezoid";

/** The points of one image's path in ascending α, both ends among them: at weight 0 where the rule does without. */
function pathOf(rule: Rule, steps: number): { readonly alpha: number; readonly weight: number }[] {
  const { alphas, weights } = quadrature(rule, steps);
  const points = alphas.map((alpha, i) => ({ alpha, weight: weights[i]! }));
  const end = (alpha: number): typeof points => (alphas.includes(alpha) ? [] : [{ alpha, weight: 0 }]);
  return [...end(0), ...points, ...end(1)];
}

/** Rows that one image's path takes. */
export function pathPoints(rule: Rule, steps: number): number { return pathOf(rule, steps).length; }

/**
 * Lays the path points of `images` images into launches of `rows` rows, image by image in ascending α. The ends of each
 * path give f(x) and f(baseline) for the completeness gap without a pass of their own. Rows left over repeat the last point
 * at weight 0.
 */
export function layOutPath(rule: Rule, steps: number, images: number, rows: number): PathLayout {
  const path = pathOf(rule, steps);
  const total = images * path.length;
  const launches = Array.from({ length: Math.ceil(total / rows) }, (_, l): Launch => {
    const at = (j: number): number => Math.min(l * rows + j, total - 1);
    const padding = (j: number): boolean => l * rows + j >= total;
    const firstOf = (i: number): number => Math.min(Math.max(i * path.length - l * rows, 0), rows);
    return {
      sourceRow: Uint32Array.from({ length: rows }, (_, j) => Math.floor(at(j) / path.length)),
      alpha: Float32Array.from({ length: rows }, (_, j) => path[at(j) % path.length]!.alpha),
      weight: Float32Array.from({ length: rows }, (_, j) => (padding(j) ? 0 : path[at(j) % path.length]!.weight)),
      firstRow: Uint32Array.from({ length: images }, (_, i) => Math.min(firstOf(i), rows - 1)),
      rowCount: Uint32Array.from({ length: images }, (_, i) => firstOf(i + 1) - firstOf(i)),
    };
  });
  return {
    launches,
    imageOfRow: Uint32Array.from({ length: launches.length * rows }, (_, r) => Math.floor(Math.min(r, total - 1) / path.length)),
    startRow: Uint32Array.from({ length: images }, (_, i) => i * path.length),
    endRow: Uint32Array.from({ length: images }, (_, i) => (i + 1) * path.length - 1),
  };
}
