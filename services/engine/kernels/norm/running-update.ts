import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, requireRange, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { elementwiseGroups, MAX_F32 } from "../image-space.ts";

export const runningUpdateSpec: KernelSpec = {
  name: "norm/running-update",
  lib: ["lib/grid"],
  params: { quads: "u32", keep: "f32", take: "f32" },
  reads: ["batch"],
  writes: ["running"],
  constants: { WG: 8 },
};

/**
 * running ← (1 − momentum) · running + momentum · scale · batch.
 *
 * @param running  [C] f32, in place.
 * @param batch    [C] f32, mean or biased variance of this batch.
 * @param momentum in [0, 1], the share of the new value (PyTorch's meaning; its default is 0.1).
 * @param scale    1 for the mean; rows/(rows − 1) for the variance, as PyTorch keeps the unbiased one.
 * @throws EngineError SHAPE_MISMATCH (c, sizes); VALUE_RANGE (momentum, scale).
 */
export function runningUpdate(running: Tensor, batch: Tensor, momentum: number, scale: number, c: number): Dispatch {
  const { name } = runningUpdateSpec;
  requirePositive(name, { c });
  requireElements(name, "running", running, pad4(c));
  requireElements(name, "batch", batch, pad4(c));
  requireRange(name, "momentum", momentum, 0, 1);
  requireRange(name, "scale", scale, 0, MAX_F32);
  const quads = pad4(c) / 4;
  const params = { quads, keep: 1 - momentum, take: momentum * scale };
  return { kind: "dispatch", spec: runningUpdateSpec, params, buffers: [batch, running], workgroups: elementwiseGroups(runningUpdateSpec, quads) };
}
