import { type AttributionConfig, type InequalityMeasure, measureName } from "../../../schema/jobs/attribution.ts";
import type { ImageResult, InequalitySummary } from "../../../schema/jobs/results.ts";
import { histogram, meanWithInterval } from "../statistics/intervals.ts";
import type { MeasuredBatch } from "./gini-meter.ts";
import { MeanLorenz } from "./lorenz.ts";

const HISTOGRAM_BINS = 50;

/** Which images a batch of maps belongs to. */
export interface BatchOf { readonly images: readonly number[]; readonly labels: ArrayLike<number> }

/** What is kept of one measure while batches come in. */
interface Kept { readonly measure: InequalityMeasure; readonly gini: number[]; readonly lorenz: MeanLorenz }

/** Collects the inequality of one model's maps over batches and sums it up. */
export class InequalityLedger {
  readonly images: ImageResult[] = [];
  readonly #kept: ReadonlyMap<string, Kept>;
  readonly #gaps: number[] = [];

  constructor(private readonly modelId: string, private readonly attribution: AttributionConfig, measures: readonly InequalityMeasure[]) {
    this.#kept = new Map(measures.map((measure) => [measureName(measure), { measure, gini: [], lorenz: new MeanLorenz() }]));
  }

  /** @param gap completeness gaps of path integrals; null for other methods. */
  add({ images, labels }: BatchOf, measured: readonly MeasuredBatch[], gap: Float64Array | null): void {
    const row = (measure: string, i: number, value: number): void => {
      this.images.push({ modelId: this.modelId, measure, image: images[i]!, label: labels[i]!, prediction: null, value, success: null });
    };
    for (const { measure, gini, sorted } of measured) {
      const name = measureName(measure);
      const kept = this.#kept.get(name)!;
      gini.forEach((value, i) => {
        kept.gini.push(value);
        kept.lorenz.add(sorted(i));
        row(`gini/${name}`, i, value);
      });
    }
    gap?.forEach((value, i) => { this.#gaps.push(value); row("completeness-gap", i, value); });
  }

  get summaries(): InequalitySummary[] {
    return [...this.#kept.values()].map(({ measure, gini, lorenz }) => ({
      modelId: this.modelId, attribution: this.attribution, measure, gini: meanWithInterval(gini),
      histogram: histogram(gini, HISTOGRAM_BINS), lorenz: lorenz.curve,
      completenessGap: this.#gaps.length > 0 ? meanWithInterval(this.#gaps) : null,
    }));
  }
}
