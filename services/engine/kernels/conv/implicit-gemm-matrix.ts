import type { MatrixUnit } from "../../gpu/device.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { type GemmOperands, type GemmPass, gemmParams, gemmReads } from "./implicit-gemm.ts";

/** Two slabs of f16 or of half as many f32 fit 16 KiB, WebGPU's default limit, with the blocks on their way out. */
const QUADS = { f16: 4, f32: 2 } as const;

/** @param lib what multiplies the blocks: the adapter's units, or for a test a stand-in that any adapter can run. */
export function matrixSpec({ side, operands }: MatrixUnit, lib = "lib/matrix-unit"): KernelSpec {
  return {
    name: "conv/implicit-gemm-matrix", lib: ["lib/grid", "lib/gemm-reduction", "lib/conv-epilogue", lib], params: gemmParams, reads: gemmReads, writes: ["y"],
    constants: {}, template: { SIDE: side, QUADS: QUADS[operands], HALF: Number(operands === "f16"), UNIT: Number(lib === "lib/matrix-unit") }, subgroups: lib === "lib/matrix-unit",
  };
}

/** What adapters have: 8×8 blocks of either type (Apple), 16×16 of f16 (NVIDIA). */
export const implicitGemmMatrixSpecs: readonly KernelSpec[] = ([[8, "f32"], [8, "f16"], [16, "f16"]] as const).map(([side, operands]) => matrixSpec({ side, operands }));

/**
 * One implicit GEMM by the adapter's matrix units. Sizes are checked by convForward and convGradInput; x and w are of the
 * unit's operand type.
 *
 * @see shaders/conv/implicit-gemm-matrix.wgsl
 */
export function implicitGemmMatrix(spec: KernelSpec, { scalars }: GemmPass, { flags, buffers }: GemmOperands): Dispatch {
  return { kind: "dispatch", spec, params: { ...scalars, flags }, buffers, workgroups: Math.ceil(scalars.rows / 64) * Math.ceil(scalars.k4 / 16) };
}
