import type { PoolGeometry } from "../../kernels/pool/geometry.ts";
import type { Pair } from "../../kernels/window.ts";

/**
 * Calls `visit` for every window of every channel of every image with its place in y [n, c, oh, ow], the places in
 * x [n, c, h, w] of its cells inside the image, in row-major order, and its row and column among the windows.
 */
export function forEachWindow({ n, c, h, w, oh, ow, window, stride, padding: [top, left], dilation }: PoolGeometry, visit: (output: number, cells: readonly number[], at: Pair) => void): void {
  for (let plane = 0; plane < n * c; plane++) for (let oy = 0; oy < oh; oy++) for (let ox = 0; ox < ow; ox++) {
    const cells: number[] = [];
    for (let ky = 0; ky < window[0]; ky++) for (let kx = 0; kx < window[1]; kx++) {
      const iy = oy * stride[0] - top + ky * dilation[0];
      const ix = ox * stride[1] - left + kx * dilation[1];
      if (iy >= 0 && iy < h && ix >= 0 && ix < w) cells.push((plane * h + iy) * w + ix);
    }
    visit((plane * oh + oy) * ow + ox, cells, [oy, ox]);
  }
}
