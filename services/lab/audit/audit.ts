import type { AuditConfig } from "../../../schema/jobs/run-config.ts";
import type { Results, ResultsInput } from "../../../schema/jobs/results.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Network, requireFit } from "../models/network.ts";
import type { Session } from "../session.ts";
import { wilson } from "../statistics/intervals.ts";
import type { SaveBlob } from "./artifacts.ts";
import { runModelWork } from "./model-work.ts";
import { correctUnderAll, type Predictions, predictAll } from "./sample-set.ts";

export interface AuditedModel { readonly id: string; readonly name: string; readonly network: Network }

/** The split that audits are done on: held-out images. */
const SPLIT = "test";

/**
 * The protocol of Duan et al. 2023 over several models and one data set: clean accuracy of each over the whole test split; a
 * seeded sample of images that ALL of them classify correctly; on it the inequality of each model's maps and its error
 * under each attack. Each model is attacked with its own maps (white box).
 *
 * PGD attacks, besides the sample, the first `sampleSize` images of the seeded order whether right or wrong: its accuracy
 * is over these, so that it estimates the robust accuracy of the whole split, while its error is over the sample.
 *
 * @param onResults called after each model, so that nothing is lost when a later one fails.
 * @throws AppError TOO_FEW_IMAGES, DATASET_MISMATCH, INVALID_INPUT, ATTACK_INVALID.
 */
export async function audit(session: Session, models: readonly AuditedModel[], dataset: Dataset, config: AuditConfig, seed: bigint, save: SaveBlob, onResults: (results: ResultsInput) => Promise<void> | void): Promise<void> {
  const { batchSize, sampleSize, attribution, measures, attacks, keepExamples } = config;
  for (const { network } of models) requireFit(network, dataset);
  const predictions = await predictAll(session, models.map((m) => m.network), dataset, SPLIT, seed);
  const sample = correctUnderAll(predictions, dataset, sampleSize);
  await onResults({ sampleSet: { split: SPLIT, indices: [...sample.indices] }, accuracies: cleanAccuracies(models, predictions, dataset) });
  const unconditional = predictions.order.slice(0, sampleSize);
  const all = new Set(sample.indices);
  const pgdImages = [...sample.indices, ...unconditional.filter((image) => !all.has(image))];
  for (const [position, { id, name, network }] of models.entries()) {
    const started = session.clock.monotonic();
    const own = session.child(); // twenty models' plans at once would not fit every device
    try {
      await onResults(await runModelWork(own, {
        modelId: id, network, dataset, split: SPLIT, sample: sample.indices, right: all, pgdImages, accuracyOver: new Set(unconditional),
        attribution, measures, attacks, batchSize, seed, keepMaps: keepExamples, keepExamples,
      }, save, (done, total) => {
        const seconds = (session.clock.monotonic() - started) / 1000;
        const remaining = (total - done) + (models.length - position - 1) * total;
        session.progress({ phase: `auditing ${name}`, done: position * total + done, total: models.length * total, etaSeconds: done > 0 ? (seconds / done) * remaining : null, imagesPerSecond: seconds > 0 ? done / seconds : null });
      }));
    } finally {
      own.dispose();
    }
  }
}

function cleanAccuracies(models: readonly AuditedModel[], { split, order, classes }: Predictions, dataset: Dataset): Results["accuracies"] {
  const { labels } = dataset.splits[split];
  return models.map(({ id }, i) => {
    const right = order.reduce((sum, image, position) => sum + Number(classes[i]![position] === labels[image]), 0);
    return { modelId: id, clean: wilson(right, order.length) };
  });
}
