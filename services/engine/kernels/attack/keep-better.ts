import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { requireRows } from "../image-space.ts";

export const keepBetterSpec: KernelSpec = {
  name: "attack/keep-better", lib: ["lib/grid"], params: { n: "u32", m: "u32" },
  reads: ["candidate", "candidateScore"], writes: ["best", "bestScore"], constants: { WG: 64 },
};

/**
 * Per image: where the candidate scores strictly higher, it and its score replace the best. Ties and NaN keep the best.
 *
 * @param candidate      [n, m] f32.
 * @param candidateScore [n] f32, higher is better for the attacker.
 * @param best           [n, m] f32, changed in place.
 * @param bestScore      [n] f32, changed in place; begin with the lowest finite f32, which any score beats.
 * @throws EngineError SHAPE_MISMATCH.
 * @see shaders/attack/keep-better.wgsl
 */
export function keepBetter(candidate: Tensor, candidateScore: Tensor, best: Tensor, bestScore: Tensor, { n, m }: { n: number; m: number }): Dispatch {
  const { name } = keepBetterSpec;
  requireRows(name, n, m);
  requireElements(name, "candidate", candidate, n * m);
  requireElements(name, "candidateScore", candidateScore, n);
  requireElements(name, "best", best, n * m);
  requireElements(name, "bestScore", bestScore, n);
  return { kind: "dispatch", spec: keepBetterSpec, params: { n, m }, buffers: [candidate, candidateScore, best, bestScore], workgroups: n };
}
