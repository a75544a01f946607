import type { GoldenResult } from "../../../../schema/jobs/results.ts";
import type { GoldenConfig } from "../../../../schema/jobs/run-config.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Session } from "../../session.ts";
import { wilson } from "../../statistics/intervals.ts";
import { type Network, requireFit } from "../network.ts";
import { Predictor } from "../predictor.ts";

/** Measures the clean accuracy that a network is said to have. @throws AppError DATASET_MISMATCH, VALUE_RANGE for an index outside the split. */
export async function runGolden(session: Session, network: Network, dataset: Dataset, { split, indices, count, cleanAccuracy: expected, tolerance }: GoldenConfig): Promise<GoldenResult> {
  requireFit(network, dataset);
  const { labels, count: all } = dataset.splits[split];
  const images = indices ?? Array.from({ length: Math.min(count ?? all, all) }, (_, i) => i);
  const predictor = await Predictor.prepare(session, network, images.length);
  const predicted = await predictor.predict(dataset, split, images, (done) => session.progress({ phase: "golden accuracy", done, total: images.length, etaSeconds: null, imagesPerSecond: null }));
  const measured = wilson(images.filter((image, i) => predicted[i] === labels[image]).length, images.length);
  // A little slack, for decimals that f64 does not hold: 0.9164 + 0.001 is to take 0.9174.
  return { dataset: dataset.name, split, contentHash: dataset.contentHash, expected, tolerance, measured, passed: Math.abs(measured.rate - expected) <= tolerance + 1e-12 };
}
