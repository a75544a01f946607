import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type LogitShape, requireRows } from "./rows.ts";

export const marginSpec: KernelSpec = {
  name: "loss/margin",
  lib: ["lib/grid"],
  params: { n: "u32", k: "u32", stride: "u32" },
  reads: ["logits", "labels"],
  writes: ["y", "prediction"],
  constants: { WG: 8 },
};

/**
 * y = label's logit − largest other logit, and the predicted class (the first of equal maxima).
 *
 * @param logits     [n, K] f32, finite; k ≥ 2.
 * @param labels     [n] u32 in [0, k); the caller checks them, the kernel only stays in bounds.
 * @param y          [n] f32, output: > 0 right, < 0 wrong, 0 a tie with the label.
 * @param prediction [n] u32, output.
 * @throws EngineError SHAPE_MISMATCH when n is not a positive integer, k < 2 or a tensor is too small.
 */
export function margin(logits: Tensor, labels: Tensor, y: Tensor, prediction: Tensor, shape: LogitShape): Dispatch {
  const { params, workgroups } = requireRows(marginSpec, shape, { logits }, { labels, y, prediction });
  if (shape.k < 2) throw new EngineError("SHAPE_MISMATCH", `${marginSpec.name}: expected k ≥ 2 (a margin needs a rival class), got ${shape.k}`, { k: shape.k });
  return { kind: "dispatch", spec: marginSpec, params, buffers: [logits, labels, y, prediction], workgroups };
}
