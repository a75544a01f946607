/**
 * How logical tensors lie in GPU memory. The graph speaks PyTorch's shapes (NCHW, OIHW, [out, in]); kernels speak these:
 *
 *   dense       as the logical shape  row-major, no padding: images (NCHW), attacks, maps, values per image, and everything
 *                                     that general operators read and write
 *   activation  [n, h, w, C]          C = c rounded up to 4; the added lanes are 0 in values and gradients alike
 *   features    [n, F]                F = f rounded up to 4; a flattened activation is the activation itself, [n, h·w·C]
 *   vector      [K]                   bias, batch-norm scale and shift, running statistics; K = k rounded up to 4, added lanes 0
 *   conv weight [kh·kw, C, K]         K contiguous; groups > 1: [kh·kw, c/groups, K]
 *   linear      [F, K]                row index is the position in the physical input, so flattening costs nothing
 *
 * Channels last in fours, because one vec4 load then serves four multiply-adds on every adapter (performance.md §3).
 */

export function pad4(n: number): number { return Math.ceil(n / 4) * 4; }

/** [n, c, h, w] → [n, h, w, pad4(c)], flat. */
export function packActivation(x: ArrayLike<number>, [n, c, h, w]: readonly [number, number, number, number]): Float32Array {
  const C = pad4(c);
  const y = new Float32Array(n * h * w * C);
  for (let i = 0; i < n; i++) for (let k = 0; k < c; k++) for (let p = 0; p < h * w; p++) y[(i * h * w + p) * C + k] = x[(i * c + k) * h * w + p]!;
  return y;
}

/** The inverse of packActivation; padding lanes are dropped. */
export function unpackActivation(y: ArrayLike<number>, [n, c, h, w]: readonly [number, number, number, number]): Float32Array {
  const C = pad4(c);
  const x = new Float32Array(n * c * h * w);
  for (let i = 0; i < n; i++) for (let k = 0; k < c; k++) for (let p = 0; p < h * w; p++) x[(i * c + k) * h * w + p] = y[(i * h * w + p) * C + k]!;
  return x;
}

/** [n, f] → [n, pad4(f)], flat. */
export function packFeatures(x: ArrayLike<number>, n: number, f: number): Float32Array { return packActivation(x, [n, f, 1, 1]); }
export function unpackFeatures(y: ArrayLike<number>, n: number, f: number): Float32Array { return unpackActivation(y, [n, f, 1, 1]); }

/** [k] → [pad4(k)]. */
export function packVector(x: ArrayLike<number>): Float32Array {
  const y = new Float32Array(pad4(x.length));
  y.set(Array.from(x));
  return y;
}

/** [k, c/groups, kh, kw] (PyTorch OIHW) → [kh·kw, C, K]; C is padded only when groups = 1. */
export function packConvWeight(w: ArrayLike<number>, k: number, cg: number, kh: number, kw: number, groups = 1): Float32Array {
  const C = groups === 1 ? pad4(cg) : cg;
  const K = pad4(k);
  const y = new Float32Array(kh * kw * C * K);
  for (let o = 0; o < k; o++) for (let i = 0; i < cg; i++) for (let t = 0; t < kh * kw; t++) y[(t * C + i) * K + o] = w[(o * cg + i) * kh * kw + t]!;
  return y;
}

export function unpackConvWeight(y: ArrayLike<number>, k: number, cg: number, kh: number, kw: number, groups = 1): Float32Array {
  const C = groups === 1 ? pad4(cg) : cg;
  const K = pad4(k);
  const w = new Float32Array(k * cg * kh * kw);
  for (let o = 0; o < k; o++) for (let i = 0; i < cg; i++) for (let t = 0; t < kh * kw; t++) w[(o * cg + i) * kh * kw + t] = y[(t * C + i) * K + o]!;
  return w;
}

/** [k, f] (PyTorch) → [F, K]. `spatial` = [c, h, w] when the input is a flattened activation (f = c·h·w in CHW order). */
export function packLinearWeight(w: ArrayLike<number>, k: number, f: number, spatial: readonly [number, number, number] = [f, 1, 1]): Float32Array {
  const K = pad4(k);
  const y = new Float32Array(linearRows(f, spatial) * K);
  forEachLinearEntry(k, f, spatial, (from, row, o) => { y[row * K + o] = w[from]!; });
  return y;
}

export function unpackLinearWeight(y: ArrayLike<number>, k: number, f: number, spatial: readonly [number, number, number] = [f, 1, 1]): Float32Array {
  const K = pad4(k);
  const w = new Float32Array(k * f);
  forEachLinearEntry(k, f, spatial, (to, row, o) => { w[to] = y[row * K + o]!; });
  return w;
}

/** Rows of a physical linear weight. */
export function linearRows(f: number, [c, h, w]: readonly [number, number, number] = [f, 1, 1]): number {
  return h * w * pad4(c);
}

function forEachLinearEntry(k: number, f: number, [c, h, w]: readonly [number, number, number], visit: (logical: number, row: number, out: number) => void): void {
  const C = pad4(c);
  for (let o = 0; o < k; o++) for (let ch = 0; ch < c; ch++) for (let p = 0; p < h * w; p++) visit(o * f + ch * h * w + p, p * C + ch, o);
}
