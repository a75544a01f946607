import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";

/**
 * Rows that a lane sums, by vec4 columns of the tile. The wide tile takes 32 (a tenth faster than 16 on lavapipe; the body
 * still fits its instruction cache, and more only lengthens compilation). Narrow tiles have several groups of lanes, hence
 * several times as many rows per tile, and load a row for each of them: fewer keep their bodies as short.
 */
const ROWS: Readonly<Record<number, number>> = { 8: 32, 4: 16, 2: 8, 1: 8 };

function spec(lanes: 4 | 8, columns: 1 | 2 | 4 | 8): KernelSpec {
  return {
    name: "conv/implicit-gemm-subgroup", lib: ["lib/grid", "lib/conv-epilogue"], params: gemmParams, reads: gemmReads, writes: ["y"],
    constants: {}, template: { SG: lanes, COLUMNS: columns, GROUPS: lanes / columns, ROWS: ROWS[columns]!, SHARE: Math.min(4, lanes / columns) }, subgroups: true,
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
  const { COLUMNS, GROUPS, ROWS: rows } = chosen.template as { COLUMNS: number; GROUPS: number; ROWS: number };
  const workgroups = Math.ceil(pass.rows / (GROUPS * rows)) * Math.ceil(pass.k4 / COLUMNS);
  return { kind: "dispatch", spec: chosen, params: { ...pass, flags }, buffers, workgroups };
}
