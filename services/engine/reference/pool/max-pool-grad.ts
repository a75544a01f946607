import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import { forEachWindow } from "./windows.ts";

/** Each window's dy goes to its first maximum in row-major order; with `relu` only to a positive one. @param x [n, c, h, w]. @param dy [n, c, oh, ow]. @returns [n, c, h, w]. */
export function maxPoolGradReference(x: Float64Array, dy: Float64Array, g: PoolGeometry, { relu = false }: { readonly relu?: boolean } = {}): Float64Array {
  const dx = new Float64Array(x.length);
  forEachWindow(g, (o, cells) => {
    const winner = cells.reduce((best, i) => (x[i]! > x[best]! ? i : best));
    if (!relu || x[winner]! > 0) dx[winner]! += dy[o]!;
  });
  return dx;
}
