import type { ConvGeometry } from "../kernels/conv/geometry.ts";
import type { ConvOperation, ConvVariant, Tuning } from "../kernels/conv/variants.ts";
import { shapeClass } from "./shape-class.ts";

/** What tuning found out about one shape class. */
export interface Verdict {
  /** The name of the fastest variant where it is clearly faster than the default; null: the default, which may depend on the batch. */
  readonly faster: string | null;
  /** Time of each variant that is right, on the tuner's own batch: comparable with each other only. */
  readonly ms: Readonly<Record<string, number>>;
  /** Variants that must not be used, and why. */
  readonly refused: Readonly<Record<string, string>>;
}

/** By shape class. */
export type Verdicts = ReadonlyMap<string, Verdict>;

/** The names of the candidates that the verdict is about. */
export function judged({ ms, refused }: Verdict): string[] { return [...Object.keys(ms), ...Object.keys(refused)]; }

/** Whether the verdict is about these candidates: with others it is out of date. */
export function isAbout(verdict: Verdict, names: readonly string[]): boolean {
  const known = new Set(judged(verdict));
  return known.size === names.length && names.every((name) => known.has(name));
}

/** With `faster` null: the first that was not refused. */
function decide({ faster, refused }: Verdict, candidates: readonly ConvVariant[]): ConvVariant | undefined {
  return candidates.find(({ name }) => (faster === null ? !Object.hasOwn(refused, name) : name === faster));
}

/**
 * Shape class → names of the variants that were used. More than one where the default depends on the batch, which it does
 * only among variants of the same bits.
 */
export type KernelVariants = Record<string, string[]>;

/** Decides by verdicts and keeps account of every decision, also of those that fall to the default for want of a verdict. */
export class Choices implements Tuning {
  #made: KernelVariants = {};
  constructor(readonly verdicts: Verdicts) {}

  choose(operation: ConvOperation, g: ConvGeometry, candidates: readonly ConvVariant[]): ConvVariant | undefined {
    const shape = shapeClass(operation, g);
    const verdict = this.verdicts.get(shape);
    const chosen = verdict && isAbout(verdict, candidates.map(({ name }) => name)) ? decide(verdict, candidates) : undefined;
    const { name } = chosen ?? candidates[0]!;
    const used = (this.#made[shape] ??= []);
    if (!used.includes(name)) used.push(name);
    return chosen;
  }

  /** What was used since the last call. */
  take(): KernelVariants {
    const made = this.#made;
    this.#made = {};
    return made;
  }
}
