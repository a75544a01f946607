import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type AxisShape, requireLines } from "./axis.ts";

const spec = (log: boolean): KernelSpec => ({
  name: "nn/softmax", lib: ["lib/grid"], params: { sums: "u32", size: "u32", inner: "u32" }, reads: ["x"], writes: ["y"], constants: { WG: 8, LOG: Number(log) },
});
export const softmaxSpec = spec(false);
export const logSoftmaxSpec = spec(true);

/**
 * Softmax along the middle axis, or its logarithm. Stable: large numbers do not overflow.
 *
 * @param x [outer, size, inner] f32, finite.
 * @param y the same, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when a side is not a positive integer or a tensor is too small.
 */
export function softmax(x: Tensor, y: Tensor, shape: AxisShape, { log }: { readonly log: boolean }): Dispatch {
  const chosen = log ? logSoftmaxSpec : softmaxSpec;
  const { params, workgroups } = requireLines(chosen, shape, { x, y });
  return { kind: "dispatch", spec: chosen, params, buffers: [x, y], workgroups };
}
