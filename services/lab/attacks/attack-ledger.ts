import type { AttackConfig } from "../../../schema/jobs/attack.ts";
import type { AttackSummary, ImageResult } from "../../../schema/jobs/results.ts";
import { wilson } from "../statistics/intervals.ts";
import type { AttackedBatch, ImageBatch, Variant } from "./variant.ts";
import { variantName } from "./variant.ts";

/** Which images of a batch count for which rate. */
export interface Counted {
  /** Error: images that were right when clean. */
  readonly error: (i: number) => boolean;
  /** Accuracy: all images of the selection, right or not. */
  readonly accuracy: (i: number) => boolean;
}

interface Tally { readonly variant: Variant; changed: number; n: number; stillRight: number; all: number }

/**
 * Collects what one attack did to one model over batches.
 *
 * error: of the images that count, and of their noise draws, the share whose prediction changed as the attack wanted.
 * accuracy: of all images of the selection, the share still classified correctly; only untargeted PGD has one.
 */
export class AttackLedger {
  readonly images: ImageResult[] = [];
  readonly #tallies = new Map<string, Tally>();

  constructor(private readonly modelId: string, private readonly attack: AttackConfig, private readonly name: string) {}

  add({ labels, ids }: ImageBatch, { results }: AttackedBatch, counted: Counted): void {
    for (const { variant, success, prediction, detail, draws } of results) {
      const measure = variantName(this.name, variant);
      const tally = this.#tallies.get(measure) ?? { variant, changed: 0, n: 0, stillRight: 0, all: 0 };
      this.#tallies.set(measure, tally);
      for (let i = 0; i < labels.length; i++) {
        if (this.#excluded(labels[i]!)) continue;
        if (counted.error(i)) { tally.n += draws; tally.changed += Math.round(success[i]! * draws); }
        if (counted.accuracy(i)) { tally.all++; tally.stillRight += Number(prediction[i] === labels[i]); }
        if (!counted.error(i) && !counted.accuracy(i)) continue;
        this.images.push({ modelId: this.modelId, measure, image: ids[i]!, label: labels[i]!, prediction: prediction[i]!, value: success[i]!, success: draws === 1 ? success[i] === 1 : null, ...(detail ? { detail: { ...detail[i] } } : {}) });
      }
    }
  }

  get summaries(): AttackSummary[] {
    const untargeted = this.attack.kind === "pgd" && this.attack.target === undefined;
    return [...this.#tallies.values()].map(({ variant, changed, n, stillRight, all }) => ({
      modelId: this.modelId, attack: this.attack, ...variant, error: wilson(changed, n), accuracy: untargeted ? wilson(stillRight, all) : null,
    }));
  }

  /** An image of the target class is where a targeted attack wants it already. */
  #excluded(label: number): boolean { return this.attack.kind === "pgd" && this.attack.target === label; }
}
