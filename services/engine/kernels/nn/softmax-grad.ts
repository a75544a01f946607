import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type AxisShape, requireLines } from "./axis.ts";

const spec = (log: boolean): KernelSpec => ({
  name: "nn/softmax-grad", lib: ["lib/grid"], params: { sums: "u32", size: "u32", inner: "u32" }, reads: ["dy", "y"], writes: ["dx"], constants: { WG: 8, LOG: Number(log) },
});
export const softmaxGradSpec = spec(false);
export const logSoftmaxGradSpec = spec(true);

/**
 * The gradient of softmax along the middle axis, or of its logarithm, from what that returned.
 *
 * @param dy, y [outer, size, inner] f32; y as softmax made it with the same `log`.
 * @param dx    the same, output; may not alias dy or y.
 * @throws EngineError SHAPE_MISMATCH when a side is not a positive integer or a tensor is too small.
 */
export function softmaxGrad(dy: Tensor, y: Tensor, dx: Tensor, shape: AxisShape, { log }: { readonly log: boolean }): Dispatch {
  const chosen = log ? logSoftmaxGradSpec : softmaxGradSpec;
  const { params, workgroups } = requireLines(chosen, shape, { dy, y, dx });
  return { kind: "dispatch", spec: chosen, params, buffers: [dy, y, dx], workgroups };
}
