import type { ConvGeometry } from "../../kernels/conv/geometry.ts";

/**
 * y[n, k, oy, ox] = Σ_{c, ky, kx} x[n, c, oy·stride − top + ky·dilation, ox·stride − left + kx·dilation] · w[k, c, ky, kx], zero outside x.
 * A linear layer is the geometry with h = w = kh = kw = 1.
 *
 * @param x [n, c, h, w], logical. @param w [k, c/groups, kh, kw]. @returns [n, k, oh, ow].
 */
export function convolutionReference(x: Float64Array, w: Float64Array, g: ConvGeometry): Float64Array {
  const y = new Float64Array(g.n * g.k * g.oh * g.ow);
  forEachProduct(g, (xi, wi, yi) => { y[yi]! += x[xi]! * w[wi]!; });
  return y;
}

/** Visits every product of a convolution with the flat logical indices of its x, w and y: the definition that all three twins share. */
export function forEachProduct(g: ConvGeometry, visit: (xi: number, wi: number, yi: number) => void): void {
  const { n, h, w, c, k, oh, ow, kh, kw, stride, padding: [top, left], dilation, groups } = g;
  const cg = c / groups;
  const kg = k / groups;
  for (let image = 0; image < n; image++) for (let o = 0; o < k; o++) for (let i = 0; i < cg; i++) {
    const xPlane = (image * c + Math.floor(o / kg) * cg + i) * h;
    const yPlane = (image * k + o) * oh;
    const filter = (o * cg + i) * kh;
    for (let oy = 0; oy < oh; oy++) for (let ky = 0; ky < kh; ky++) {
      const iy = oy * stride[0] - top + ky * dilation[0];
      if (iy < 0 || iy >= h) continue;
      for (let ox = 0; ox < ow; ox++) for (let kx = 0; kx < kw; kx++) {
        const ix = ox * stride[1] - left + kx * dilation[1];
        if (ix >= 0 && ix < w) visit((xPlane + iy) * w + ix, (filter + ky) * kw + kx, (yPlane + oy) * ow + ox);
      }
    }
  }
}
