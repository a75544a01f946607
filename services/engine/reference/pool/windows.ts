import type { PoolGeometry } from "../../kernels/pool/geometry.ts";

/**
 * Calls `visit` for every window of every channel of every image with its place in y [n, c, oh, ow] and the places in
 * x [n, c, h, w] of its cells inside the image, in row-major order.
 */
export function forEachWindow({ n, c, h, w, oh, ow, window, windowWidth = window, stride, padding }: PoolGeometry, visit: (output: number, cells: readonly number[]) => void): void {
  for (let plane = 0; plane < n * c; plane++) for (let oy = 0; oy < oh; oy++) for (let ox = 0; ox < ow; ox++) {
    const cells: number[] = [];
    for (let ky = 0; ky < window; ky++) for (let kx = 0; kx < windowWidth; kx++) {
      const iy = oy * stride - padding + ky;
      const ix = ox * stride - padding + kx;
      if (iy >= 0 && iy < h && ix >= 0 && ix < w) cells.push((plane * h + iy) * w + ix);
    }
    visit((plane * oh + oy) * ow + ox, cells);
  }
}
