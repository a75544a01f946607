import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups } from "../image-space.ts";

/** Smallest normal f32: the lower bound of parameters that must not be 0 (a driver may flush what is smaller). */
export const F32_TINY = 1.1754943508222875e-38;

/**
 * Checks the tensors of a kernel over n flat elements and gives its grid.
 *
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer or a tensor is too small.
 */
export function flatGrid(spec: KernelSpec, n: number, tensors: Readonly<Record<string, Tensor>>): { quads: number; workgroups: number } {
  requirePositive(spec.name, { n });
  for (const [name, tensor] of Object.entries(tensors)) requireElements(spec.name, name, tensor, n);
  const quads = Math.ceil(n / 4);
  return { quads, workgroups: elementwiseGroups(spec, quads) };
}
