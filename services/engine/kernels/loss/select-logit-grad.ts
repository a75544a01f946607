import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { MAX_F32, requireScalar } from "../image-space.ts";
import { requireRows } from "./rows.ts";
import type { ScaledLogitShape } from "./softmax-cross-entropy-grad.ts";

export const selectLogitGradSpec: KernelSpec = {
  name: "loss/select-logit-grad",
  lib: ["lib/grid"],
  params: { n: "u32", k: "u32", stride: "u32", scale: "f32" },
  reads: ["labels"],
  writes: ["dlogits"],
  constants: { WG: 8 },
};

/**
 * dlogits = scale at each image's label, 0 elsewhere.
 *
 * @param labels  [n] u32 in [0, k); the caller checks them, the kernel only stays in bounds.
 * @param dlogits [n, K] f32, output: every element is written.
 * @throws EngineError SHAPE_MISMATCH (n, k, sizes); VALUE_RANGE when scale is not finite.
 */
export function selectLogitGrad(labels: Tensor, dlogits: Tensor, { scale, ...shape }: ScaledLogitShape): Dispatch {
  const spec = selectLogitGradSpec;
  const { params, workgroups } = requireRows(spec, shape, { dlogits }, { labels });
  requireScalar(spec.name, "scale", scale, -MAX_F32, MAX_F32);
  return { kind: "dispatch", spec, params: { ...params, scale }, buffers: [labels, dlogits], workgroups };
}
