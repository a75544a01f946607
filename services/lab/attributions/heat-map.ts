import { PNG } from "pngjs";

/** Shown side of a small image is enlarged to at least this many pixels, by whole factors, so that digits can be seen. */
const SHOWN_SIDE = 224;
/** |a| at this quantile gets the full colour: one extreme sub-pixel must not turn the rest white. */
const FULL_COLOUR_QUANTILE = 0.995;

type Rgb = readonly [number, number, number];
const NEGATIVE: Rgb = [33, 102, 172]; // ColorBrewer RdBu, both ends readable for the colour-blind
const POSITIVE: Rgb = [178, 24, 43];

/**
 * A PNG of a signed map: red raises the score of the label, blue lowers it, white does nothing. Channels are averaged.
 *
 * @param map [c, h, w] signed attributions.
 */
export function heatMapPng(map: ArrayLike<number>, [c, h, w]: readonly [number, number, number]): Buffer {
  const mean = Float64Array.from({ length: h * w }, (_, p) => {
    let sum = 0;
    for (let k = 0; k < c; k++) sum += map[k * h * w + p]!;
    return sum / c;
  });
  const sorted = mean.map(Math.abs).sort();
  const full = sorted[Math.floor(FULL_COLOUR_QUANTILE * (sorted.length - 1))]! || sorted[sorted.length - 1]! || 1;
  return encode(h, w, (p) => {
    const strength = Math.min(1, Math.abs(mean[p]!) / full);
    const end = mean[p]! < 0 ? NEGATIVE : POSITIVE;
    return end.map((v) => 255 + (v - 255) * strength) as unknown as Rgb;
  });
}

/** A PNG of an image in [0, 1]; c = 1 is grey, c = 3 is RGB. */
export function imagePng(image: ArrayLike<number>, [c, h, w]: readonly [number, number, number]): Buffer {
  return encode(h, w, (p) => [0, 1, 2].map((k) => 255 * image[Math.min(k, c - 1) * h * w + p]!) as unknown as Rgb);
}

function encode(h: number, w: number, colour: (pixel: number) => Rgb): Buffer {
  const zoom = Math.max(1, Math.floor(SHOWN_SIDE / Math.max(h, w)));
  const png = new PNG({ width: w * zoom, height: h * zoom });
  for (let y = 0; y < h * zoom; y++) {
    for (let x = 0; x < w * zoom; x++) {
      const rgb = colour(Math.floor(y / zoom) * w + Math.floor(x / zoom));
      const at = (y * w * zoom + x) * 4;
      rgb.forEach((v, k) => { png.data[at + k] = Math.round(Math.min(255, Math.max(0, v))); });
      png.data[at + 3] = 255;
    }
  }
  return PNG.sync.write(png);
}
