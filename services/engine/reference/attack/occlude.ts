export interface OcclusionShape { readonly c: number; readonly h: number; readonly w: number; readonly maxCentres: number; readonly colour: number }

/** Each row's image with squares painted over, from the definition. @param x [images, c·h·w]. @param centres [images, maxCentres]. @returns [rows, c·h·w]. */
export function occludeReference(
  x: Float64Array, centres: ArrayLike<number>, sourceRow: ArrayLike<number>, count: ArrayLike<number>, radius: ArrayLike<number>,
  { c, h, w, maxCentres, colour }: OcclusionShape,
): Float64Array {
  const m = c * h * w;
  const y = new Float64Array(sourceRow.length * m);
  for (let row = 0; row < sourceRow.length; row++) {
    const image = sourceRow[row]!;
    const out = y.subarray(row * m, (row + 1) * m);
    out.set(x.subarray(image * m, (image + 1) * m));
    for (let t = 0; t < Math.min(count[row]!, maxCentres); t++) {
      const centre = centres[image * maxCentres + t]!;
      const [cy, cx, r] = [Math.floor(centre / w), centre % w, radius[row]!];
      for (let ch = 0; ch < c; ch++) {
        for (let py = Math.max(cy - r, 0); py < Math.min(cy + r, h); py++) {
          for (let px = Math.max(cx - r, 0); px < Math.min(cx + r, w); px++) out[(ch * h + py) * w + px] = colour;
        }
      }
    }
  }
  return y;
}
