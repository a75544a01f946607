import type { ImageTransform } from "../../../../schema/jobs/dataset.ts";
import type { Picture } from "./decode.ts";

/** A rectangle of a picture, in pixels. */
export interface Window { readonly left: number; readonly top: number; readonly width: number; readonly height: number }

/** PIL's filters: weight at distance x, in pixels of the coarser grid, and the distance from which it is 0. */
const FILTERS: Readonly<Record<ImageTransform["interpolation"], { readonly support: number; readonly weight: (x: number) => number }>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
};

/** Fractional bits of a weight; products with bytes stay within 31 bits. */
const PRECISION = 22;

/**
 * Part of a picture as if all of it were resized to width × height: antialiased, in PIL's own fixed-point arithmetic
 * (libImaging/Resample.c), so that bytes equal torchvision's `Resize` on a PIL image.
 */
export function resample(picture: Picture, width: number, height: number, window: Window, interpolation: ImageTransform["interpolation"]): Picture {
  const across = kernels(picture.width, width, window.left, window.width, interpolation);
  const down = kernels(picture.height, height, window.top, window.height, interpolation);
  const top = down.first[0]!;
  const bottom = down.first.at(-1)! + down.weights.at(-1)!.length;
  return resampleColumns(resampleRows(picture, across, top, bottom), top, down);
}

/** For each output position the first input position that counts, and the weights from there on, in units of 2^-PRECISION. */
interface Kernels { readonly first: Int32Array; readonly weights: readonly Int32Array[] }

function kernels(from: number, to: number, start: number, count: number, interpolation: ImageTransform["interpolation"]): Kernels {
  const { support, weight } = FILTERS[interpolation];
  const scale = from / to;
  const stretch = Math.max(1, scale); // widens the filter when shrinking: antialiasing
  const reach = support * stretch;
  const first = new Int32Array(count);
  const weights = Array.from(first, (_, i) => {
    const centre = (start + i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(from, Math.trunc(centre + reach + 0.5));
    // The reciprocal first and in this order: another rounding would give another last bit.
    const raw = Float64Array.from({ length: last - first[i]! }, (_, x) => weight((x + first[i]! - centre + 0.5) * (1 / stretch)));
    const sum = raw.reduce((total, w) => total + w, 0);
    return Int32Array.from(raw, (w) => { const scaled = (w / sum) * 2 ** PRECISION; return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5); });
  });
  return { first, weights };
}

/** Of the rows from `top` up to `bottom` only: no others are asked for. */
function resampleRows({ width, channels, data }: Picture, { first, weights }: Kernels, top: number, bottom: number): Picture {
  const out = new Uint8Array((bottom - top) * first.length * channels);
  for (let row = top, to = 0; row < bottom; row++) for (let column = 0; column < first.length; column++) {
    const taps = weights[column]!;
    const from = (row * width + first[column]!) * channels;
    for (let k = 0; k < channels; k++, to++) {
      let sum = 1 << (PRECISION - 1);
      for (let i = 0, p = from + k; i < taps.length; i++, p += channels) sum += data[p]! * taps[i]!;
      out[to] = byteOf(sum);
    }
  }
  return { width: first.length, height: bottom - top, channels, data: out };
}

/** @param top what the picture's first row was before. */
function resampleColumns({ width, channels, data }: Picture, top: number, { first, weights }: Kernels): Picture {
  const stride = width * channels;
  const out = new Uint8Array(first.length * stride);
  for (let row = 0, to = 0; row < first.length; row++) {
    const taps = weights[row]!;
    for (let column = 0; column < stride; column++, to++) {
      let sum = 1 << (PRECISION - 1);
      for (let i = 0, p = (first[row]! - top) * stride + column; i < taps.length; i++, p += stride) sum += data[p]! * taps[i]!;
      out[to] = byteOf(sum);
    }
  }
  return { width, height: first.length, channels, data: out };
}

function byteOf(sum: number): number { return Math.max(0, Math.min(255, sum >> PRECISION)); }

/** Keys' cubic with a = -1/2. */
function cubic(at: number): number {
  const a = -0.5;
  const x = Math.abs(at);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
