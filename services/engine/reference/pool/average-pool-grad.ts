import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import { cellsCounted } from "./average-pool.ts";
import { forEachWindow } from "./windows.ts";

/** Each window shares its dy out equally. @param dy [n, c, oh, ow]. @returns [n, c, h, w]. */
export function averagePoolGradReference(dy: Float64Array, g: PoolGeometry): Float64Array {
  const dx = new Float64Array(g.n * g.c * g.h * g.w);
  forEachWindow(g, (o, cells, at) => {
    for (const i of cells) dx[i]! += dy[o]! / cellsCounted(g, cells, at);
  });
  return dx;
}
