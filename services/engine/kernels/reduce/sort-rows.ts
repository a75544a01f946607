import type { Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";
import { CHUNK, ENCODE, sortChunk } from "./sort-chunk.ts";
import { sortStride } from "./sort-stride.ts";

/**
 * Each row in ascending order. No scratch: the sort works in the output. −0 comes out as +0; every NaN comes out as a NaN
 * at the low end of its row, where inequality/gini-rows looks for one.
 *
 * @param values [n, m] f32; may not alias sorted.
 * @param sorted [n, m] f32, output.
 * @throws EngineError SHAPE_MISMATCH.
 */
export function sortRows(values: Tensor, sorted: Tensor, { n, m }: { n: number; m: number }): Step[] {
  requireRows("reduce/sort-rows", n, m);
  requireElements("reduce/sort-rows", "values", values, n * m);
  requireElements("reduce/sort-rows", "sorted", sorted, n * m);
  return [{ kind: "copy", from: values, to: sorted, bytes: n * m * 4 }, ...sortSteps(sorted, null, n, m, "f32Ascending")];
}

/**
 * The sorting network: chunks first, then merges of twice the width until one block spans the row, each merge one flipped
 * layer, layers of halving distance, and from CHUNK down the rest in workgroup memory. Bits depend on the row alone.
 */
export function sortSteps(keys: Tensor, order: Tensor | null, n: number, m: number, encode: keyof typeof ENCODE): Step[] {
  const decode = encode === "f32Ascending";
  const finish = sortChunk(keys, order, { n, m, stage: "merge", encode: "none", decode: false });
  const steps: Step[] = [sortChunk(keys, order, { n, m, stage: "sort", encode, decode: decode && m <= CHUNK })];
  for (let span = 2 * CHUNK; span / 2 < m; span *= 2) {
    steps.push(sortStride(keys, order, { n, m, half: span / 2, flip: true }));
    for (let half = span / 4; half >= CHUNK; half /= 2) steps.push(sortStride(keys, order, { n, m, half, flip: false }));
    const last = span >= m;
    steps.push(last && decode ? sortChunk(keys, order, { n, m, stage: "merge", encode: "none", decode }) : finish);
  }
  return steps;
}
