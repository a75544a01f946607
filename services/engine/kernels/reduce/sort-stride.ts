import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requireRange, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, requireRows, requireType } from "../image-space.ts";

const specOf = (PAIR: 0 | 1): KernelSpec => ({
  name: "reduce/sort-stride", lib: ["lib/grid"],
  params: { n: "u32", m: "u32", comparators: "u32", half: "u32", flip: "u32" },
  reads: [], writes: PAIR ? ["keys", "order"] : ["keys"], constants: { WG: 8, PER: 16 }, template: { PAIR },
});
export const sortStrideSpec = specOf(0);
export const sortStridePairSpec = specOf(1);

/**
 * One layer of a bitonic merge in global memory: in every block of 2·half columns, each column of the lower half is
 * compared with its partner in the upper half (the mirror image if `flip`), the smaller going down. A part of sortRows.
 *
 * @param keys  [n, m], 32-bit integers, changed in place.
 * @param order [n, m] u32 that travels with the keys and breaks ties, or null.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE unless half is a power of two.
 * @see shaders/reduce/sort-stride.wgsl
 */
export function sortStride(keys: Tensor, order: Tensor | null, { n, m, half, flip }: { n: number; m: number; half: number; flip: boolean }): Dispatch {
  const spec = order ? sortStridePairSpec : sortStrideSpec;
  requireRows(spec.name, n, m);
  requireRange(spec.name, "half, a power of two", Number.isInteger(Math.log2(half)) ? half : NaN, 1, 2 ** 30);
  requireElements(spec.name, "keys", keys, n * m);
  if (order) {
    requireType(spec.name, "order", order, "u32");
    requireElements(spec.name, "order", order, n * m);
  }
  const comparators = Math.ceil(m / (2 * half)) * half;
  const params = { n, m, comparators, half, flip: flip ? 1 : 0 };
  return { kind: "dispatch", spec, params, buffers: order ? [keys, order] : [keys], workgroups: elementwiseGroups(spec, n * comparators) };
}
