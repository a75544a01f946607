import { type ConvGeometry, isPointwise } from "../kernels/conv/geometry.ts";
import type { ConvOperation } from "../kernels/conv/variants.ts";

/**
 * What a variant is chosen by, as text: "forward 3×3 64→128 /2 +1 on 32×32" (stride 2, padding 1). Everything of the geometry
 * except the batch, so that an image's bits do not depend on the batch it lies in. A pointwise operation's pixels are its
 * batch: "grad-input 1×1 512→10".
 */
export function shapeClass(operation: ConvOperation, g: ConvGeometry): string {
  return [
    operation, `${g.kh}×${g.kw}`, `${g.c}→${g.k}`,
    g.groups > 1 && `in ${g.groups} groups`, g.stride > 1 && `/${g.stride}`, g.padding > 0 && `+${g.padding}`, !isPointwise(g) && `on ${g.h}×${g.w}`,
  ].filter(Boolean).join(" ");
}
