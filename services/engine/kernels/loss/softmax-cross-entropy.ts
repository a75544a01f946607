import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type LogitShape, requireRows } from "./rows.ts";

export const softmaxCrossEntropySpec: KernelSpec = {
  name: "loss/softmax-cross-entropy",
  lib: ["lib/grid"],
  params: { n: "u32", k: "u32", stride: "u32" },
  reads: ["logits", "labels"],
  writes: ["loss"],
  constants: { WG: 8 },
};

/**
 * Cross-entropy of each image, in nats. Stable at both ends: large logits do not overflow, and the small loss of an image
 * that the model is sure of keeps its digits.
 *
 * @param logits [n, K] f32, finite.
 * @param labels [n] u32 in [0, k); the caller checks them, the kernel only stays in bounds.
 * @param loss   [n] f32, output.
 * @throws EngineError SHAPE_MISMATCH when n or k is not a positive integer or a tensor is too small.
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, loss: Tensor, shape: LogitShape): Dispatch {
  const { params, workgroups } = requireRows(softmaxCrossEntropySpec, shape, { logits }, { labels, loss });
  return { kind: "dispatch", spec: softmaxCrossEntropySpec, params, buffers: [logits, labels, loss], workgroups };
}
