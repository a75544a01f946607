import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { type LogitShape, requireRows } from "./rows.ts";

export const selectLogitSpec: KernelSpec = {
  name: "loss/select-logit",
  lib: ["lib/grid"],
  params: { n: "u32", k: "u32", stride: "u32" },
  reads: ["logits", "labels"],
  writes: ["y"],
  constants: { WG: 8 },
};

/**
 * y = the logit of each image's label: the score that attributions explain.
 *
 * @param logits [n, K] f32.
 * @param labels [n] u32 in [0, k); the caller checks them, the kernel only stays in bounds.
 * @param y      [n] f32, output.
 * @throws EngineError SHAPE_MISMATCH when n or k is not a positive integer or a tensor is too small.
 */
export function selectLogit(logits: Tensor, labels: Tensor, y: Tensor, shape: LogitShape): Dispatch {
  const { params, workgroups } = requireRows(selectLogitSpec, shape, { logits }, { labels, y });
  return { kind: "dispatch", spec: selectLogitSpec, params, buffers: [logits, labels, y], workgroups };
}
