import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, MAX_F32, requireRows, requireScalar, requireType, requireWords, type Scalar } from "../image-space.ts";

export const inductiveNoiseSpec: KernelSpec = {
  name: "attack/inductive-noise", lib: ["lib/grid"],
  params: { quads: "u32", k: "u32", kind: "u32", low: "f32", high: "f32" },
  reads: ["x", "rank", "noise"], writes: ["y"], constants: { WG: 8, PER: 8 },
};

export interface InductiveNoiseOptions {
  readonly n: number;
  readonly m: number;
  /** Sub-pixels disturbed per image; more than m disturbs all. */
  readonly k: Scalar;
  /** 1 adds the noise (type I), 2 puts it in the sub-pixel's place (type II). */
  readonly type: 1 | 2;
  /** Bounds of a pixel; default 0 and 1. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * Inductive noise: y = clip(x + M∘z) or clip((1−M)∘x + M∘z), M = 1 on the k highest-ranked sub-pixels of each image. With
 * the rank of a random order instead of a map's it is the random control.
 *
 * @param x     [n, m] f32, clean images.
 * @param rank  [n, m] u32, place of each sub-pixel in its image's ranking (reduce/rank-rows).
 * @param noise [n, m] f32, z.
 * @param y     [n, m] f32, output.
 * @throws EngineError SHAPE_MISMATCH; VALUE_RANGE (k not a u32, a type other than 1 or 2, low > high).
 * Differs  the paper's released code thresholds at the value of rank k with ≥, which takes k + 1 sub-pixels and more on ties.
 * @see shaders/attack/inductive-noise.wgsl
 */
export function inductiveNoise(x: Tensor, rank: Tensor, noise: Tensor, y: Tensor, { n, m, k, type, low = 0, high = 1 }: InductiveNoiseOptions): Dispatch {
  const { name } = inductiveNoiseSpec;
  requireRows(name, n, m);
  requireType(name, "rank", rank, "u32");
  for (const [label, tensor] of Object.entries({ x, rank, noise, y })) requireElements(name, label, tensor, n * m);
  requireWords(name, { k });
  requireScalar(name, "type", type, 1, 2);
  requireScalar(name, "low", low, -MAX_F32, high);
  const quads = Math.ceil((n * m) / 4);
  return { kind: "dispatch", spec: inductiveNoiseSpec, params: { quads, k, kind: type, low, high }, buffers: [x, rank, noise, y], workgroups: elementwiseGroups(inductiveNoiseSpec, quads) };
}
