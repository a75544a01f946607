import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";

/**
 * Rows that a lane sums for each width of tile (vec4 columns → rows). Sixteen accumulators keep the unrolled body under
 * the 32 KB of an instruction cache; one- and two-column tiles load a row per row or two, so they take eight.
 */
const ROWS: Readonly<Record<number, number>> = { 8: 32, 4: 16, 2: 8, 1: 8 };

function spec(lanes: 4 | 8, columns: 1 | 2 | 4 | 8): KernelSpec {
  return {
    name: "conv/implicit-gemm-subgroup", lib: ["lib/grid", "lib/conv-epilogue"], params: gemmParams, reads: gemmReads, writes: ["y"],
    constants: {}, template: { SG: lanes, COLUMNS: columns, ROWS: ROWS[columns]! }, subgroups: true,
  };
}

export const lanes8Columns8Spec = spec(8, 8);
export const lanes8Columns4Spec = spec(8, 4);
export const lanes8Columns2Spec = spec(8, 2);
export const lanes8Columns1Spec = spec(8, 1);
export const lanes4Columns4Spec = spec(4, 4);
export const lanes4Columns2Spec = spec(4, 2);
export const lanes4Columns1Spec = spec(4, 1);

const SPECS = {
  8: [lanes8Columns1Spec, lanes8Columns2Spec, lanes8Columns4Spec, lanes8Columns8Spec],
  4: [lanes4Columns1Spec, lanes4Columns2Spec, lanes4Columns4Spec],
} as const;

/**
 * One implicit GEMM for adapters whose subgroups have `lanes` lanes. The narrowest tile that covers the output channels is
 * taken, so that few channels do not leave lanes idle; it depends on nothing else, so a row has the same bits in any batch.
 *
 * @see shaders/conv/implicit-gemm-subgroup.wgsl
 */
export function implicitGemmSubgroup(lanes: 4 | 8, pass: GemmPass, { flags, buffers }: GemmOperands): Dispatch {
  const specs = SPECS[lanes];
  const chosen = specs.find((s) => s.template!["COLUMNS"]! >= pass.k4) ?? specs.at(-1)!;
  const { COLUMNS, ROWS: rows } = chosen.template as { COLUMNS: number; ROWS: number };
  const workgroups = Math.ceil(pass.rows / (lanes / COLUMNS * rows)) * Math.ceil(pass.k4 / COLUMNS);
  return { kind: "dispatch", spec: chosen, params: { ...pass, flags }, buffers, workgroups };
}
