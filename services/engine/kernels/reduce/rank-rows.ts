import type { Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows, requireType } from "../image-space.ts";
import { invertRows } from "./invert-rows.ts";
import { sortSteps } from "./sort-rows.ts";

/**
 * Stable descending ranking of each row, by sign and size: the largest value has rank 0, equal values (−0 and +0 too) keep
 * the order of their index, every NaN ranks below −infinity. Raw random words (random/fill-bits) rank the same way as
 * unsigned integers: a uniformly random order for the random controls.
 *
 * @param values [n, m] f32 or u32, told apart by the tensor's dtype; signed maps, never their absolute value.
 * @param rank   [n, m] u32, output: place of each sub-pixel. Its inverse:
 * @param order  [n, m] u32, output: sub-pixel at each place.
 * @param keys   [n, m], scratch of 32-bit elements; no two of the four may alias.
 * @throws EngineError SHAPE_MISMATCH.
 * Differs  numpy: argsort(-a, kind="stable") puts NaN last as well; the paper's code thresholds instead of ranking.
 */
export function rankRows(values: Tensor, rank: Tensor, order: Tensor, keys: Tensor, { n, m }: { n: number; m: number }): Step[] {
  const kernel = "reduce/rank-rows";
  requireRows(kernel, n, m);
  for (const [label, tensor] of Object.entries({ values, rank, order, keys })) requireElements(kernel, label, tensor, n * m);
  requireType(kernel, "order", order, "u32");
  return [
    { kind: "copy", from: values, to: keys, bytes: n * m * 4 },
    ...sortSteps(keys, order, n, m, values.dtype === "f32" ? "f32Descending" : "u32Descending"),
    invertRows(order, rank, { n, m }),
  ];
}
