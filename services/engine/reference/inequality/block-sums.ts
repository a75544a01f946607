import { invariant } from "../../../common/errors.ts";

export interface ReferenceBlocks { readonly n: number; readonly c: number; readonly h: number; readonly w: number; readonly block: number }

/** Region values of each image, every sub-pixel added to its region. @param map [n, c, h, w]. @returns [n, cells]. */
export function blockSumsReference(map: Float64Array, { n, c, h, w, block }: ReferenceBlocks, mode: "abs-sum" | "positive-sum" | "signed-sum-positive" | "per-channel"): Float64Array {
  invariant(map.length === n * c * h * w, "block-sums reference: map is [n, c, h, w]");
  const across = Math.ceil(w / block);
  const blocks = across * Math.ceil(h / block);
  const cells = mode === "per-channel" ? c * blocks : blocks;
  const y = new Float64Array(n * cells);
  map.forEach((v, i) => {
    const [image, ch, row, col] = [Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, Math.floor(i / w) % h, i % w];
    const cell = Math.floor(row / block) * across + Math.floor(col / block);
    const value = mode === "positive-sum" ? Math.max(v, 0) : mode === "signed-sum-positive" ? v : Math.abs(v);
    y[image * cells + (mode === "per-channel" ? ch * blocks : 0) + cell]! += value;
  });
  return y.map((v) => Math.max(v, 0));
}
