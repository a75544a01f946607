import { type ConvGeometry, isPointwise } from "../kernels/conv/geometry.ts";
import type { ConvOperation } from "../kernels/conv/variants.ts";
import { describePair, describeSides } from "../kernels/window.ts";

/**
 * What a variant is chosen by, as text: "forward 3×3 64→128 /2 +1 on 32×32" (stride 2, padding 1), "… /2×1 +0,1,0,1 every 2"
 * (stride 2 down and 1 across, padding left and right, dilation 2). Everything of the geometry
 * except the batch, so that an image's bits do not depend on the batch it lies in. A pointwise operation's pixels are its
 * batch: "grad-input 1×1 512→10".
 */
export function shapeClass(operation: ConvOperation, g: ConvGeometry): string {
  return [
    operation, `${g.kh}×${g.kw}`, `${g.c}→${g.k}`,
    g.groups > 1 && `in ${g.groups} groups`, g.stride.some((v) => v > 1) && `/${describePair(g.stride)}`, g.padding.some((v) => v !== 0) && `+${describeSides(g.padding)}`,
    g.dilation.some((v) => v > 1) && `every ${describePair(g.dilation)}`, !isPointwise(g) && `on ${g.h}×${g.w}`,
  ].filter(Boolean).join(" ");
}
