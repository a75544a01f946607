import type { AttackConfig } from "../../../schema/jobs/attack.ts";

/** One row of an attack's table: the same perturbation for every image. */
export interface Variant {
  /** "inductive": guided by the map; "random": its control; "none": an attack without places. */
  readonly placement: "inductive" | "random" | "none";
  readonly k: number | null;
  readonly colour: number | null;
  readonly maxCount: number | null;
  readonly maxRadius: number | null;
}

/** Some images of a data set and their labels, on the host. */
export interface ImageBatch {
  /** [count, m] f32 in [0, 1]. */
  readonly x: Float32Array;
  /** [count] */
  readonly labels: Uint32Array;
  /** [count] index in the split: keys the random numbers. */
  readonly ids: Uint32Array;
}

/** What one variant did to a batch. */
export interface VariantResult {
  readonly variant: Variant;
  /** [count] share of the noise draws that succeeded: 0 or 1 where there is one draw. */
  readonly success: Float64Array;
  /** [count] class predicted after the perturbation (of the last draw). */
  readonly prediction: Uint32Array;
  /** [count] further numbers per image, such as the loss, or the (n, r) that fooled it first. */
  readonly detail?: readonly Readonly<Record<string, number>>[];
  /** Draws behind each `success`. */
  readonly draws: number;
}

export interface AttackedBatch {
  readonly results: readonly VariantResult[];
  /** [count, m] perturbed images worth looking at, when they were asked for. */
  readonly examples: Float32Array | null;
}

/** An attack made ready for one model and batch size. */
export interface AttackRecipe {
  /** @param examples whether to read the perturbed images back. @throws AppError ATTACK_INVALID when one breaks its promise. */
  attack(batch: ImageBatch, examples: boolean): Promise<AttackedBatch>;
}

const NONE = { k: null, colour: null, maxCount: null, maxRadius: null } as const;
export const noPlaces: Variant = { placement: "none", ...NONE };
export const noiseVariant = (placement: "inductive" | "random", k: number): Variant => ({ ...NONE, placement, k });
export const occlusionVariant = (placement: "inductive" | "random", colour: number, maxCount: number, maxRadius: number): Variant => ({ ...NONE, placement, colour, maxCount, maxRadius });

/** Stable names of attacks, distinct within a list: "pgd-linf/epsilon=0.3/steps=20", "noise-II", "occlusion/5x2". */
export function attackNames(attacks: readonly AttackConfig[]): string[] {
  const seen = new Map<string, number>();
  return attacks.map((attack) => {
    const name = baseName(attack);
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name}#${times}`;
  });
}

/** Name of a variant's per-image numbers: "noise-II/k=52/inductive". */
export function variantName(attack: string, { placement, k, colour }: Variant): string {
  return [attack, k === null ? [] : [`k=${k}`], colour === null ? [] : [`colour=${colour}`], placement === "none" ? [] : [placement]].flat().join("/");
}

function baseName(attack: AttackConfig): string {
  switch (attack.kind) {
    case "pgd": return `pgd-${attack.norm}/epsilon=${Number(attack.epsilon.toPrecision(4))}/steps=${attack.steps}${attack.target === undefined ? "" : `/target=${attack.target}`}`;
    case "inductive-noise": return `noise-${attack.type}`;
    case "inductive-occlusion": return `occlusion/${attack.maxCount}x${attack.maxRadius}`;
  }
}
