import type { ConvGeometry } from "../../kernels/conv/geometry.ts";
import { forEachProduct } from "./convolution.ts";

/** dx of convolutionReference. @param dy [n, k, oh, ow]. @param w [k, c/groups, kh, kw]. @returns [n, c, h, w]. */
export function convolutionGradInputReference(dy: Float64Array, w: Float64Array, g: ConvGeometry): Float64Array {
  const dx = new Float64Array(g.n * g.c * g.h * g.w);
  forEachProduct(g, (xi, wi, yi) => { dx[xi]! += dy[yi]! * w[wi]!; });
  return dx;
}
