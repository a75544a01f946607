import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import { forEachWindow } from "./windows.ts";

/** The mean of each window. @param x [n, c, h, w]. @returns [n, c, oh, ow]. */
export function averagePoolReference(x: Float64Array, g: PoolGeometry): Float64Array {
  const y = new Float64Array(g.n * g.c * g.oh * g.ow);
  forEachWindow(g, (o, cells) => { y[o] = cells.reduce((sum, i) => sum + x[i]!, 0) / cellsCounted(g, cells); });
  return y;
}

/** What the sum of a window is divided by. */
export function cellsCounted(g: PoolGeometry, cells: readonly number[]): number {
  return g.countIncludePad ? g.window * (g.windowWidth ?? g.window) : cells.length;
}
