import type { Dispatch, KernelSpec, Step } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { sumSlices } from "./sum-slices.ts";

export const columnSumsSpec: KernelSpec = {
  name: "conv/column-sums", lib: ["lib/grid"], params: { rows: "u32", k4: "u32", rows_per_slice: "u32", slices: "u32" },
  reads: ["x"], writes: ["part"], constants: { WG: 8 },
};

/** A matrix of `rows` rows and `k` columns (logical; stored rounded up to four). */
export interface RowsOf { readonly rows: number; readonly k: number }

/** Rows that one invocation adds up; long enough that partial sums are few. */
const ROWS_PER_SLICE = 128;
/** Never more slices than this: conv/sum-slices adds them one after the other. */
const MOST_SLICES = 512;

/**
 * db[k] = Σ_r dy[r, k]: the gradient of a bias. Fixed order: rows in slices, slices in order.
 *
 * @param dy [rows, K] f32, rows = n·oh·ow.
 * @param db [K] f32, written; the added lanes get the sums of dy's added lanes, which are 0.
 * @param scratch at least biasScratchElements(rows, k) elements; may be omitted when that is 0.
 * @throws EngineError SHAPE_MISMATCH when a size does not fit.
 */
export function biasGradient(dy: Tensor, db: Tensor, { rows, k }: RowsOf, scratch?: Tensor): Step[] {
  const { name } = columnSumsSpec;
  requirePositive(name, { rows, k });
  requireElements(name, "dy", dy, rows * pad4(k));
  requireElements(name, "db", db, pad4(k));
  const slices = sliceCount(rows);
  const part = slices === 1 ? db : requireScratch(scratch, db, slices * pad4(k));
  const sums = columnSums(dy, part, { rows, k }, slices);
  return slices === 1 ? [sums] : [sums, sumSlices(part, db, { slices, n: pad4(k) })];
}

/** Elements of scratch that biasGradient needs; 0 for few rows. */
export function biasScratchElements(rows: number, k: number): number {
  const slices = sliceCount(rows);
  return slices === 1 ? 0 : slices * pad4(k);
}

function sliceCount(rows: number): number { return Math.ceil(rows / rowsPerSlice(rows)); }

function rowsPerSlice(rows: number): number { return Math.max(ROWS_PER_SLICE, Math.ceil(rows / MOST_SLICES)); }

function columnSums(x: Tensor, part: Tensor, { rows, k }: RowsOf, slices: number): Dispatch {
  const k4 = pad4(k) / 4;
  return {
    kind: "dispatch", spec: columnSumsSpec, params: { rows, k4, rows_per_slice: rowsPerSlice(rows), slices }, buffers: [x, part],
    workgroups: Math.ceil((slices * k4) / columnSumsSpec.constants["WG"]!),
  };
}

/** A missing scratch is reported as one with no elements: `fallback` only lends its label. */
function requireScratch(scratch: Tensor | undefined, fallback: Tensor, needed: number): Tensor {
  requireElements(columnSumsSpec.name, "scratch", scratch ?? { ...fallback, bytes: 0, shape: [0], label: "none given" }, needed);
  return scratch!;
}
