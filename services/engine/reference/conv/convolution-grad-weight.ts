import type { ConvGeometry } from "../../kernels/conv/geometry.ts";
import { forEachProduct } from "./convolution.ts";

/** dw of convolutionReference. @param x [n, c, h, w]. @param dy [n, k, oh, ow]. @returns [k, c/groups, kh, kw]. */
export function convolutionGradWeightReference(x: Float64Array, dy: Float64Array, g: ConvGeometry): Float64Array {
  const dw = new Float64Array(g.k * (g.c / g.groups) * g.kh * g.kw);
  forEachProduct(g, (xi, wi, yi) => { dw[wi]! += x[xi]! * dy[yi]!; });
  return dw;
}
