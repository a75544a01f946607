import { pgdSchema } from "../../../schema/jobs/attack.ts";
import { Pgd } from "../attacks/pgd.ts";
import { ahead } from "../data/ahead.ts";
import { batchesOf } from "../data/batches.ts";
import { type Dataset, gather, gatherLabels, type SplitName } from "../data/dataset.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import { type Network, requireFit } from "../models/network.ts";
import { Predictor } from "../models/predictor.ts";
import type { Session } from "../session.ts";
import { type RateInterval, wilson } from "../statistics/intervals.ts";
import { STREAM } from "../streams.ts";

/** l∞ PGD from a random start. */
export interface EvaluationAttack { readonly epsilon: number; readonly steps: number; readonly stepSize?: number | undefined }

export interface Evaluation {
  readonly clean: RateInterval;
  /** Share of all images still classified correctly after the attack. */
  readonly pgd: RateInterval | null;
}

/** Random starts of an evaluation are the same in every run, so that models and epochs meet the same attack. */
const EVALUATION_SEED = 0n;

/**
 * Clean accuracy and, when asked, accuracy under PGD, over the images at `indices`.
 *
 * @throws AppError DATASET_MISMATCH; VALUE_RANGE (no or unknown indices); ATTACK_INVALID when an adversarial image breaks its bound.
 */
export async function evaluate(session: Session, network: Network, dataset: Dataset, split: SplitName, indices: ArrayLike<number>, pgd?: EvaluationAttack): Promise<Evaluation> {
  requireFit(network, dataset);
  const labels = gatherLabels(dataset, split, indices);
  const predictor = await Predictor.prepare(session, network, indices.length);
  const clean = (await predictor.predict(dataset, split, indices)).reduce((right, predicted, i) => right + Number(predicted === labels[i]), 0);
  return { clean: wilson(clean, indices.length), pgd: pgd ? wilson(await robust(session, network, dataset, split, indices, pgd), indices.length) : null };
}

/** How many of the images are still right after the attack. */
async function robust(session: Session, network: Network, dataset: Dataset, split: SplitName, indices: ArrayLike<number>, { epsilon, steps, stepSize }: EvaluationAttack): Promise<number> {
  const config = pgdSchema.parse({ kind: "pgd", epsilon, steps, stepSize });
  const batch = evenly(indices.length, await launchRows(session, network, "gradient"));
  const attack = await session.cached(network, `evaluation ${batch} ${JSON.stringify(config)}`, () => Pgd.prepare(session, network, config, batch, EVALUATION_SEED, STREAM.evaluationStart));
  let right = 0;
  const batches = ahead(batchesOf(indices, batch), async ({ indices: padded, count }) => {
    const ids = padded.subarray(0, count);
    return { x: await gather(dataset, split, ids), labels: gatherLabels(dataset, split, ids), ids };
  });
  for await (const images of batches) {
    const { results: [attacked] } = await attack.attack(images, false);
    right += images.labels.length - attacked!.success.reduce((sum, fooled) => sum + fooled, 0);
  }
  return right;
}
