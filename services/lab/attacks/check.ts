import { AppError } from "../../common/errors.ts";
import { ROW_CHECK } from "../../engine/kernels/reduce/row-check.ts";

/** What a perturbed image promises, besides being finite and in [0, 1]. */
export interface Bounds {
  /** Largest |x − x0| per sub-pixel. */
  readonly linf?: number;
  /** Largest ‖x − x0‖₂, of so many sub-pixels. */
  readonly l2?: { readonly radius: number; readonly subPixels: number };
}

/** x0 ± ε is rounded to f32 and x − x0 again: half a unit in the last place of 1, twice. */
const LINF_ROUNDING = 2 ** -23;
/** ‖δ‖₂ of the projected δ: relative, from the norm's f32 sum and the scaling. */
const L2_ROUNDING = 1e-5;
/** Half a unit in the last place of a pixel in [½, 1), by which storing x moves each sub-pixel: all that is left of a tiny δ. */
const PIXEL_ROUNDING = 2 ** -25;

/**
 * A perturbed image counts only if it is finite, in [0, 1] and within its radius; anything else is a bug of ours that
 * would pass for a success of the attack.
 *
 * @param facts [rows, 8] from reduce/row-check.
 * @throws AppError ATTACK_INVALID naming the image and the broken promise.
 */
export function requireKept(attack: string, facts: Float32Array, count: number, ids: ArrayLike<number>, { linf = Infinity, l2 = { radius: Infinity, subPixels: 0 } }: Bounds): void {
  const farthest = l2.radius * (1 + L2_ROUNDING) + PIXEL_ROUNDING * Math.sqrt(l2.subPixels);
  for (let i = 0; i < count; i++) {
    const at = (fact: "linf" | "l2" | "lowest" | "highest" | "nonFinite"): number => facts[i * ROW_CHECK.width + ROW_CHECK[fact]]!;
    const broken =
      at("nonFinite") !== 0 ? `finite values, got ${at("nonFinite")} that are not`
      : !(at("lowest") >= 0 && at("highest") <= 1) ? `values in [0, 1], got [${at("lowest")}, ${at("highest")}]`
      : !(at("linf") <= linf + LINF_ROUNDING) ? `l∞ distance at most ${linf}, got ${at("linf")}`
      : !(at("l2") <= farthest) ? `l2 distance at most ${l2.radius}, got ${at("l2")}`
      : null;
    if (broken) throw new AppError("ATTACK_INVALID", `${attack}: image ${ids[i]}: expected ${broken}`, { attack, image: ids[i] });
  }
}
