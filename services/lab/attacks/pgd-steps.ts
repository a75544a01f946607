import type { Step } from "../../engine/gpu/kernel.ts";
import { copy, repeat } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { l2Project } from "../../engine/kernels/attack/l2-project.ts";
import { l2Start } from "../../engine/kernels/attack/l2-start.ts";
import { l2Step } from "../../engine/kernels/attack/l2-step.ts";
import { linfStart } from "../../engine/kernels/attack/linf-start.ts";
import { linfStep } from "../../engine/kernels/attack/linf-step.ts";
import type { Scalar } from "../../engine/kernels/image-space.ts";
import type { RandomKey } from "../../engine/kernels/random/row-fill.ts";
import { rowNorm } from "../../engine/kernels/reduce/row-norm.ts";

/** The rows that PGD moves, on the device. */
export interface PgdRows {
  /** [n, m] f32: the iterate, which `gradient` is taken at. */
  readonly x: Tensor;
  /** [n, m] f32 in [0, 1]: the clean images. */
  readonly x0: Tensor;
  /** [n] u32: index of each row's image in its split; keys its random start. */
  readonly ids: Tensor;
  /** [n] u32, added to the start's draw row by row; default: nothing added. */
  readonly draws?: Tensor;
  /** What computes the loss's gradient with respect to x, and where it leaves it: [n, m] f32. */
  readonly pass: { readonly body: readonly Step[]; readonly gradient: Tensor };
  /** [n] f32 for lengths; l2 only. */
  readonly scratch?: Tensor;
}

export interface PgdOptions {
  readonly norm: "linf" | "l2";
  readonly steps: number;
  readonly epsilon: Scalar;
  readonly stepSize: Scalar;
  /** 1 climbs the loss, -1 descends. */
  readonly direction: 1 | -1;
  /** Random start; at the image itself when absent. */
  readonly start?: RandomKey | undefined;
}

/**
 * Projected gradient steps (Madry et al. 2018) from a start in the ball:
 *
 *   l∞: x ← clip_[0,1] clip_{x0±ε}( x ± α·sign ∇ℓ )      l2: x ← clip_[0,1] Π_{B₂(x0,ε)}( x ± α·∇ℓ/‖∇ℓ‖₂ )
 */
export function pgdSteps(rows: PgdRows, options: PgdOptions): Step[] {
  const move = options.norm === "linf" ? linfMove(rows, options) : l2Move(rows, options);
  const iteration = [...rows.pass.body, ...move]; // the same objects each time, so that a program prepares them once
  return [...begin(rows, options), ...repeat(options.steps, () => iteration)];
}

function begin({ x, x0, ids, draws, scratch }: PgdRows, { norm, epsilon, start }: PgdOptions): Step[] {
  if (!start) return [copy(x0, x)];
  const [n, m] = x.shape as [number, number];
  const key = { ...start, n, m, epsilon };
  return norm === "linf" ? [linfStart(x0, ids, x, key, draws)] : l2Start(x0, ids, x, scratch!, key, draws);
}

function linfMove({ x, x0, pass: { gradient } }: PgdRows, { stepSize, epsilon, direction }: PgdOptions): Step[] {
  const [n, m] = x.shape as [number, number];
  return [linfStep(x, x0, gradient, { n, m, stepSize, epsilon, direction })];
}

function l2Move({ x, x0, scratch, pass: { gradient } }: PgdRows, { stepSize, epsilon, direction }: PgdOptions): Step[] {
  const [n, m] = x.shape as [number, number];
  const length = scratch!;
  return [
    rowNorm(gradient, null, length, { n, m }), l2Step(x, gradient, length, { n, m, stepSize, direction }),
    rowNorm(x, x0, length, { n, m }), l2Project(x, x0, length, { n, m, epsilon }),
  ];
}
