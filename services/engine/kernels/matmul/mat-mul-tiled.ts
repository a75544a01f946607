import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { matrixCount, type Product, productParams, productScalars } from "./product.ts";

/** Rows and columns of a workgroup's tile. */
const SIDE = 64;

export const matMulTiledSpec: KernelSpec = {
  name: "matmul/mat-mul-tiled", lib: ["lib/grid", "lib/matrix-batch"], params: productParams, reads: ["a", "b"], writes: ["y"], constants: {}, template: {},
};

/**
 * One product, or the parts of one, in tiles of workgroup memory: for GPUs, and for any adapter that promises no fixed
 * subgroup size.
 *
 * @see shaders/matmul/mat-mul-tiled.wgsl
 */
export function matMulTiled(a: Tensor, b: Tensor, y: Tensor, shape: Product): Dispatch {
  const workgroups = Math.ceil(shape.m / SIDE) * Math.ceil(shape.n / SIDE) * matrixCount(shape);
  return { kind: "dispatch", spec: matMulTiledSpec, params: productScalars(shape), buffers: [a, b, y], workgroups };
}
