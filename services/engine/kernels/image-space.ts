import { EngineError } from "../errors.ts";
import { Dynamic, type KernelSpec } from "../gpu/kernel.ts";
import { requirePositive, requireRange, type Tensor } from "../gpu/tensor.ts";

/** What the kernels on dense [n, m] image tensors share: launch arithmetic and checks of scalars that may be given late. */

/** A kernel parameter given now, or by name when the program runs. */
export type Scalar = number | Dynamic;

/** Workgroups for `items` handled WG · PER per workgroup. */
export function elementwiseGroups({ constants }: KernelSpec, items: number): number {
  return Math.ceil(items / (constants["WG"]! * (constants["PER"] ?? 1)));
}

/** 4 when a row of m floats is a whole number of vec4, else 1: kernels that need to know their row come in both widths. */
export function lanesOf(m: number): 1 | 4 { return m % 4 === 0 ? 4 : 1; }

/** @throws EngineError VALUE_RANGE unless the scalar lies in [low, high]; a Dynamic is the caller's promise. */
export function requireScalar(kernel: string, name: string, value: Scalar, low: number, high: number): void {
  if (!(value instanceof Dynamic)) requireRange(kernel, name, value, low, high);
}

/** @throws EngineError VALUE_RANGE unless the direction is +1 (ascend) or -1 (descend). */
export function requireDirection(kernel: string, direction: number): void {
  if (direction === 1 || direction === -1) return;
  throw new EngineError("VALUE_RANGE", `${kernel}: expected direction to be 1 (ascend) or -1 (descend), got ${direction}`, { kernel, direction });
}

/** @throws EngineError VALUE_RANGE unless each scalar is an integer in [0, 2^32). */
export function requireWords(kernel: string, words: Readonly<Record<string, Scalar>>): void {
  for (const [name, value] of Object.entries(words)) {
    if (value instanceof Dynamic || (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff)) continue;
    throw new EngineError("VALUE_RANGE", `${kernel}: expected ${name} to be a u32, got ${value}`, { kernel, [name]: value });
  }
}

/** @throws EngineError SHAPE_MISMATCH unless the tensor has this dtype: floats read as indices would be silent nonsense. */
export function requireType(kernel: string, name: string, tensor: Tensor, dtype: Tensor["dtype"]): void {
  if (tensor.dtype === dtype) return;
  throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected ${name} to be ${dtype}, got ${tensor.dtype} (${tensor.label})`, { kernel, tensor: name });
}

/** @throws EngineError SHAPE_MISMATCH unless n and m are positive and all n·m elements can be counted in a u32. */
export function requireRows(kernel: string, n: number, m: number): void {
  requirePositive(kernel, { n, m });
  if (n * m <= 0xffff_ffff) return;
  throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected n·m below 2^32, got ${n} · ${m}; use a smaller batch`, { kernel, n, m });
}

/** Finite f32, in both signs. */
export const MAX_F32 = 3.4028234663852886e38;
