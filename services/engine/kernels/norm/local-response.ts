import type { Dispatch, KernelSpec, ScalarType } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, requireRange, type Tensor } from "../../gpu/tensor.ts";
import { F32_TINY } from "../elementwise/flat.ts";
import { elementwiseGroups, MAX_F32 } from "../image-space.ts";

/** Local response normalisation of [n, channels, inner] over windows of `size` channels. */
export interface LocalResponseShape {
  readonly n: number;
  readonly channels: number;
  readonly inner: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

export const localResponseParams = { elements: "u32", channels: "u32", inner: "u32", before: "u32", after: "u32", scale: "f32", beta: "f32", bias: "f32" } as const satisfies Record<string, ScalarType>;

export const localResponseSpec: KernelSpec = {
  name: "norm/local-response", lib: ["lib/grid"], params: localResponseParams, reads: ["x"], writes: ["y"], constants: { WG: 8, PER: 16 },
};

/**
 * y = x · (bias + alpha/size · Σ x²)^−beta, the sum over the channels c − ⌊(size − 1)/2⌋ … c + ⌈(size − 1)/2⌉ that exist.
 *
 * @param x [n, channels, inner] f32. @param y the same, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE unless alpha ≥ 0 and bias > 0: the base of the power must be positive.
 * Differs  PyTorch's LocalResponseNorm puts the odd channel of an even window below c, ONNX (and this) above it.
 */
export function localResponse(x: Tensor, y: Tensor, shape: LocalResponseShape): Dispatch {
  return { ...localResponseLaunch(localResponseSpec, shape, { x, y }), kind: "dispatch", spec: localResponseSpec, buffers: [x, y] };
}

/** What the kernel and its gradient are launched with. */
export function localResponseLaunch(spec: KernelSpec, { n, channels, inner, size, alpha, beta, bias }: LocalResponseShape, tensors: Readonly<Record<string, Tensor>>): { params: Record<keyof typeof localResponseParams, number>; workgroups: number } {
  requirePositive(spec.name, { n, channels, inner, size });
  const elements = n * channels * inner;
  for (const [name, tensor] of Object.entries(tensors)) requireElements(spec.name, name, tensor, elements);
  requireRange(spec.name, "alpha", alpha, 0, MAX_F32);
  requireRange(spec.name, "beta", beta, -MAX_F32, MAX_F32);
  requireRange(spec.name, "bias", bias, F32_TINY, MAX_F32);
  const params = { elements, channels, inner, before: Math.floor((size - 1) / 2), after: Math.ceil((size - 1) / 2), scale: alpha / size, beta, bias };
  return { params, workgroups: elementwiseGroups(spec, elements) };
}
