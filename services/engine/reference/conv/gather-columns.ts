import type { ConvGeometry } from "../../kernels/conv/geometry.ts";

/** Adds every output pixel's window to the image it was cut from. @param columns [n·oh·ow, pitch], tap-major, channels last. @returns dx [n, c, h, w]. */
export function gatherColumnsReference(columns: Float64Array, { n, c, h, w, oh, ow, kh, kw, stride, padding: [top, left] }: ConvGeometry, pitch: number): Float64Array {
  const dx = new Float64Array(n * c * h * w);
  for (let image = 0; image < n; image++) for (let oy = 0; oy < oh; oy++) for (let ox = 0; ox < ow; ox++) {
    const row = ((image * oh + oy) * ow + ox) * pitch;
    for (let ky = 0; ky < kh; ky++) for (let kx = 0; kx < kw; kx++) for (let i = 0; i < c; i++) {
      const [y, x] = [oy * stride[0] - top + ky, ox * stride[1] - left + kx];
      if (y >= 0 && y < h && x >= 0 && x < w) dx[((image * c + i) * h + y) * w + x]! += columns[row + (ky * kw + kx) * c + i]!;
    }
  }
  return dx;
}
