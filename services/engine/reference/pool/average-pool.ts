import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import type { Pair } from "../../kernels/window.ts";
import { forEachWindow } from "./windows.ts";

/** The mean of each window. @param x [n, c, h, w]. @returns [n, c, oh, ow]. */
export function averagePoolReference(x: Float64Array, g: PoolGeometry): Float64Array {
  const y = new Float64Array(g.n * g.c * g.oh * g.ow);
  forEachWindow(g, (o, cells, at) => { y[o] = cells.reduce((sum, i) => sum + x[i]!, 0) / cellsCounted(g, cells, at); });
  return y;
}

/** What the sum of the window at [oy, ox] is divided by: its cells inside the image, or inside the image and its padding. */
export function cellsCounted({ h, w, window, stride, padding: [top, left, bottom, right], countIncludePad }: PoolGeometry, cells: readonly number[], [oy, ox]: Pair): number {
  if (!countIncludePad) return cells.length;
  const rows = Math.min(oy * stride[0] + window[0], top + h + bottom) - oy * stride[0];
  const columns = Math.min(ox * stride[1] + window[1], left + w + right) - ox * stride[1];
  return rows * columns;
}
