import { type AttributionConfig, type InequalityMeasure, measureName } from "../../../schema/jobs/attribution.ts";
import type { ImageResult, InequalitySummary } from "../../../schema/jobs/results.ts";
import { histogram, meanWithInterval } from "../statistics/intervals.ts";
import type { MeasuredBatch } from "./gini-meter.ts";
import { MeanLorenz } from "./lorenz.ts";

const HISTOGRAM_BINS = 50;

/** Which images a batch of maps belongs to. */
export interface BatchOf { readonly images: readonly number[]; readonly labels: ArrayLike<number> }

/** Collects the inequality of one model's maps over batches and sums it up. */
export class InequalityLedger {
  readonly images: ImageResult[] = [];
  readonly #gini = new Map<string, number[]>();
  readonly #lorenz = new Map<string, MeanLorenz>();
  readonly #gaps: number[] = [];

  constructor(private readonly modelId: string, private readonly attribution: AttributionConfig, private readonly measures: readonly InequalityMeasure[]) {}

  add({ images, labels }: BatchOf, measured: readonly MeasuredBatch[], gap: Float64Array | null): void {
    const row = (measure: string, i: number, value: number): void => {
      this.images.push({ modelId: this.modelId, measure, image: images[i]!, label: labels[i]!, prediction: null, value, success: null });
    };
    for (const { measure, gini, sorted } of measured) {
      const name = measureName(measure);
      const lorenz = this.#lorenz.get(name) ?? new MeanLorenz();
      this.#lorenz.set(name, lorenz);
      this.#gini.set(name, [...(this.#gini.get(name) ?? []), ...gini]);
      images.forEach((_, i) => { row(`gini/${name}`, i, gini[i]!); lorenz.add(sorted(i)); });
    }
    gap?.forEach((value, i) => row("completeness-gap", i, value));
    if (gap) this.#gaps.push(...gap);
  }

  get summaries(): InequalitySummary[] {
    return this.measures.map((measure) => {
      const name = measureName(measure);
      const values = this.#gini.get(name) ?? [];
      return {
        modelId: this.modelId, attribution: this.attribution, measure, gini: meanWithInterval(values),
        histogram: histogram(values, HISTOGRAM_BINS), lorenz: this.#lorenz.get(name)!.curve,
        completenessGap: this.#gaps.length > 0 ? meanWithInterval(this.#gaps) : null,
      };
    });
  }
}
