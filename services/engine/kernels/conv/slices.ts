import type { ConvGeometry } from "./geometry.ts";

/**
 * Cuts the sum over output pixels that a weight gradient is: into slices that run side by side, and short enough that a
 * running f32 sum of one stays accurate. Where the cuts lie depends on the geometry alone.
 */

/**
 * A slice of this many pixels of 64 channels, input and gradient, fits a core's cache while all tiles of the weight go
 * over it (a fifth faster than one slice of everything, on lavapipe); and a running f32 sum of so few loses little.
 */
const MOST_PIXELS = 1024;
/** Shorter slices would cost more to add up than they save. */
const FEWEST_PIXELS = 256;

/** How many slices: enough that `tiles` of output times slices keep `wanted` workgroups busy, within the bounds above. */
export function sliceCount(pixels: number, tiles: number, wanted: number): number {
  const busy = Math.min(Math.ceil(wanted / tiles), Math.ceil(pixels / FEWEST_PIXELS));
  return Math.max(1, busy, Math.ceil(pixels / MOST_PIXELS));
}

/** Slices of consecutive pixels m = (image·oh + oy)·ow + ox. */
export interface FlatSlices { readonly pixels: number; readonly pixelsPerSlice: number; readonly slices: number }

export function flatSlices(g: ConvGeometry, tiles: number, wanted: number): FlatSlices {
  const pixels = g.n * g.oh * g.ow;
  const pixelsPerSlice = Math.ceil(pixels / sliceCount(pixels, tiles, wanted));
  return { pixels, pixelsPerSlice, slices: Math.ceil(pixels / pixelsPerSlice) };
}

/** Slices of whole rows of pixels, or of parts of one row where rows are longer than a slice. */
export interface RowSlices { readonly rowsPerSlice: number; readonly colsPerSlice: number; readonly colSlices: number; readonly slices: number }

export function rowSlices(g: ConvGeometry, tiles: number, wanted: number): RowSlices {
  const rows = g.n * g.oh;
  const count = sliceCount(rows * g.ow, tiles, wanted);
  const rowsPerSlice = Math.max(1, Math.ceil(rows / count));
  const wantedCols = Math.ceil(count / rows);
  const colsPerSlice = Math.ceil(g.ow / wantedCols);
  const colSlices = Math.ceil(g.ow / colsPerSlice);
  return { rowsPerSlice, colsPerSlice, colSlices, slices: Math.ceil(rows / rowsPerSlice) * colSlices };
}
