import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { MAX_F32, requireScalar, type Scalar } from "../image-space.ts";
import { type LogitShape, requireRows } from "./rows.ts";

export const softmaxCrossEntropyGradSpec: KernelSpec = {
  name: "loss/softmax-cross-entropy-grad",
  lib: ["lib/grid"],
  params: { n: "u32", k: "u32", stride: "u32", scale: "f32" },
  reads: ["logits", "labels"],
  writes: ["dlogits"],
  constants: { WG: 8 },
};

/** What a gradient with respect to logits is multiplied by: 1 for the sum over images, 1/n for their mean; any sign. */
export interface ScaledLogitShape extends LogitShape {
  readonly scale: Scalar;
}

/**
 * dlogits = scale · (softmax − onehot). p_label − 1 is formed as minus the sum of the other probabilities, so an image
 * that the model is sure of still has the right tiny gradient (PyTorch's rounds to 0 there).
 *
 * @param logits  [n, K] f32, finite.
 * @param labels  [n] u32 in [0, k); the caller checks them, the kernel only stays in bounds.
 * @param dlogits [n, K] f32, output: padding lanes are written as 0; may not alias logits.
 * @throws EngineError SHAPE_MISMATCH (n, k, sizes); VALUE_RANGE when scale is not finite.
 */
export function softmaxCrossEntropyGrad(logits: Tensor, labels: Tensor, dlogits: Tensor, { scale, ...shape }: ScaledLogitShape): Dispatch {
  const spec = softmaxCrossEntropyGradSpec;
  const { params, workgroups } = requireRows(spec, shape, { logits, dlogits }, { labels });
  requireScalar(spec.name, "scale", scale, -MAX_F32, MAX_F32);
  return { kind: "dispatch", spec, params: { ...params, scale }, buffers: [logits, labels, dlogits], workgroups };
}
