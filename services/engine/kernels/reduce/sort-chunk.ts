import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows, requireType } from "../image-space.ts";

/** Columns sorted together in workgroup memory; keys and their companions take 8 bytes each. */
export const CHUNK = 1024;

const specOf = (PAIR: 0 | 1): KernelSpec => ({
  name: "reduce/sort-chunk", lib: ["lib/grid", "lib/sort-key"],
  params: { n: "u32", m: "u32", perRow: "u32", size: "u32", merge: "u32", encode: "u32", decode: "u32" },
  reads: [], writes: PAIR ? ["keys", "order"] : ["keys"], constants: { WG: 64 }, template: { CHUNK, PAIR },
});
export const sortChunkSpec = specOf(0);
export const sortChunkPairSpec = specOf(1);

/** How values become keys: integers that are sorted in ascending order. */
export const ENCODE = { none: 0, f32Ascending: 1, f32Descending: 2, u32Descending: 3 } as const;

export interface SortChunkOptions {
  readonly n: number;
  readonly m: number;
  /** "sort" from any order; "merge" when each chunk is bitonic already. */
  readonly stage: "sort" | "merge";
  /** What `keys` holds on the way in. */
  readonly encode: keyof typeof ENCODE;
  /** Turns keys back into f32 on the way out; only for f32Ascending. */
  readonly decode: boolean;
}

/**
 * Sorts each CHUNK columns of every row in ascending order of keys, ties by `order`. A part of sortRows and rankRows.
 *
 * @param keys  [n, m], 32-bit, changed in place.
 * @param order [n, m] u32 that travels with the keys, or null; set to the column numbers unless encode is "none".
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/reduce/sort-chunk.wgsl
 */
export function sortChunk(keys: Tensor, order: Tensor | null, { n, m, stage, encode, decode }: SortChunkOptions): Dispatch {
  const spec = order ? sortChunkPairSpec : sortChunkSpec;
  requireRows(spec.name, n, m);
  requireElements(spec.name, "keys", keys, n * m);
  if (order) {
    requireType(spec.name, "order", order, "u32");
    requireElements(spec.name, "order", order, n * m);
  }
  const perRow = Math.ceil(m / CHUNK);
  const size = Math.min(CHUNK, 2 ** Math.ceil(Math.log2(m)));
  const params = { n, m, perRow, size, merge: stage === "merge" ? 1 : 0, encode: ENCODE[encode], decode: decode ? 1 : 0 };
  return { kind: "dispatch", spec, params, buffers: order ? [keys, order] : [keys], workgroups: n * perRow };
}
