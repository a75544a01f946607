import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import { forEachWindow } from "./windows.ts";

/** The largest cell of each window. @param x [n, c, h, w]. @returns [n, c, oh, ow]. */
export function maxPoolReference(x: Float64Array, g: PoolGeometry): Float64Array {
  const y = new Float64Array(g.n * g.c * g.oh * g.ow);
  forEachWindow(g, (o, cells) => { y[o] = Math.max(...cells.map((i) => x[i]!)); });
  return y;
}
