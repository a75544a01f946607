import type { AttackConfig } from "../../../schema/jobs/attack.ts";
import type { AttributionConfig, InequalityMeasure } from "../../../schema/jobs/attribution.ts";
import type { Artifact, AttackSummary, ImageResult, InequalitySummary } from "../../../schema/jobs/results.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { AttackLedger, type Counted } from "../attacks/attack-ledger.ts";
import { Guide } from "../attacks/guide.ts";
import { isGuided, prepareAttack } from "../attacks/run-attack.ts";
import { attackNames, type AttackRecipe, type ImageBatch } from "../attacks/variant.ts";
import { Attributor } from "../attributions/attributor.ts";
import { ahead } from "../data/ahead.ts";
import { type Dataset, gather, gatherLabels, type SplitName } from "../data/dataset.ts";
import { GiniMeter } from "../inequality/gini-meter.ts";
import { InequalityLedger } from "../inequality/summarise.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import { type Network, requireFit } from "../models/network.ts";
import type { Session } from "../session.ts";
import { ArtifactWriter, type SaveBlob } from "./artifacts.ts";

/** What is to be done to one model, on which images. */
export interface ModelWork {
  readonly modelId: string;
  readonly network: Network;
  readonly dataset: Dataset;
  readonly split: SplitName;
  /** Images that are attributed, measured and attacked under the guidance of their maps. */
  readonly sample: readonly number[];
  /** Images of the sample that are right when clean: error rates are over these. */
  readonly right: ReadonlySet<number>;
  /** Images that PGD attacks; the sample and, for an accuracy over all images, others. */
  readonly pgdImages: readonly number[];
  /** Images over which PGD's accuracy is taken. */
  readonly accuracyOver: ReadonlySet<number>;
  readonly attribution: AttributionConfig;
  /** How maps are measured; not at all when empty. */
  readonly measures: readonly InequalityMeasure[];
  readonly attacks: readonly AttackConfig[];
  /** Images at a time, at most; fewer when that suits the adapter (launch-rows.ts). */
  readonly batchSize: number;
  readonly seed: bigint;
  /** How many images, the first of the sample, have their maps, or their perturbed versions, kept as files. */
  readonly keepMaps: number;
  readonly keepExamples: number;
}

export interface ModelResults {
  readonly images: ImageResult[];
  readonly inequality: InequalitySummary[];
  readonly attacks: AttackSummary[];
  readonly artifacts: Artifact[];
}

interface PreparedAttack { readonly name: string; readonly recipe: AttackRecipe; readonly ledger: AttackLedger; readonly guided: boolean }

/**
 * Attributes, measures and attacks one model, batch by batch: the maps of a batch are computed once and serve everything.
 *
 * @param onImages called after each batch with images done and in all.
 * @throws AppError DATASET_MISMATCH, INVALID_INPUT, ATTACK_INVALID, VALUE_RANGE.
 */
export async function runModelWork(session: Session, work: ModelWork, save: SaveBlob, onImages: (done: number, total: number) => void = () => undefined): Promise<ModelResults> {
  const { network, dataset, modelId, attribution, measures, seed } = work;
  requireFit(network, dataset);
  const batch = await batchSizes(session, work);
  const attacks = await prepareAttacks(session, work, batch);
  const guided = attacks.filter((a) => a.guided);
  const direct = attacks.filter((a) => !a.guided);
  const inequality = new InequalityLedger(modelId, attribution, measures);
  const artifacts = new ArtifactWriter(modelId, network.inputShape, save);
  const sample = measures.length > 0 || guided.length > 0 || work.keepMaps > 0 ? work.sample : [];
  const pgdImages = direct.length > 0 ? work.pgdImages : [];
  let done = 0;
  const attackAll = async (some: readonly PreparedAttack[], images: ImageBatch, first: number, counted: Counted): Promise<void> => {
    for (const attack of some) await attackBatch(attack, images, counted, Math.max(0, work.keepExamples - first), artifacts);
    onImages((done += images.labels.length), sample.length + pgdImages.length);
  };

  if (sample.length > 0) {
    const attributor = await Attributor.prepare(session, network, attribution, batch.guided);
    const guide = guided.length > 0 ? await Guide.prepare(session, network, attribution, batch.guided, seed) : undefined;
    const meter = measures.length > 0 ? await GiniMeter.prepare(session, attributor.map, network.inputShape, batch.guided, measures) : undefined;
    const maps = session.readback([attributor.map]);
    for await (const [first, images] of batches(work, sample, batch.guided)) {
      const { gap } = await (guide ? guide.load(images) : attributor.attribute(images.x, images.labels));
      inequality.add({ images: [...images.ids], labels: images.labels }, meter ? await meter.measure(images.labels.length) : [], gap);
      await keepMaps(work, maps, images, work.keepMaps - first, artifacts);
      await attackAll(guided, images, first, { error: (i) => work.right.has(images.ids[i]!), accuracy: () => false });
    }
  }
  const errorOver = new Set(work.sample.filter((image) => work.right.has(image)));
  for await (const [first, images] of batches(work, pgdImages, batch.direct)) {
    await attackAll(direct, images, first, { error: (i) => errorOver.has(images.ids[i]!), accuracy: (i) => work.accuracyOver.has(images.ids[i]!) });
  }
  return {
    images: [...inequality.images, ...attacks.flatMap(({ ledger }) => ledger.images)],
    inequality: inequality.summaries, attacks: attacks.flatMap(({ ledger }) => ledger.summaries), artifacts: artifacts.written,
  };
}

/** Images at a time of the work that follows maps and of the work that does not. */
interface BatchSizes { readonly guided: number; readonly direct: number }

async function batchSizes(session: Session, { network, batchSize, sample, pgdImages }: ModelWork): Promise<BatchSizes> {
  const most = Math.min(batchSize, await launchRows(session, network, "gradient"));
  return { guided: evenly(sample.length, most), direct: evenly(pgdImages.length, most) };
}

function prepareAttacks(session: Session, { network, modelId, attacks, attribution, seed }: ModelWork, batch: BatchSizes): Promise<PreparedAttack[]> {
  const names = attackNames(attacks);
  return Promise.all(attacks.map(async (attack, i): Promise<PreparedAttack> => ({
    name: names[i]!, guided: isGuided(attack), ledger: new AttackLedger(modelId, attack, names[i]!),
    recipe: await prepareAttack(session, network, attack, attribution, isGuided(attack) ? batch.guided : batch.direct, seed),
  })));
}

async function attackBatch({ name, recipe, ledger }: PreparedAttack, images: ImageBatch, counted: Counted, wanted: number, artifacts: ArtifactWriter): Promise<void> {
  const attacked = await recipe.attack(images, wanted > 0);
  ledger.add(images, attacked, counted);
  if (attacked.examples) await artifacts.pictures("adversarial", name, [...images.ids].slice(0, wanted), attacked.examples);
}

async function keepMaps({ attribution }: ModelWork, maps: Readback, images: ImageBatch, wanted: number, artifacts: ArtifactWriter): Promise<void> {
  if (wanted <= 0) return;
  const kept = [...images.ids].slice(0, wanted);
  const [rows] = (await maps.read()) as [Float32Array];
  await artifacts.maps(attribution.method, kept, rows);
  await artifacts.pictures("original", "clean", kept, images.x);
}

function batches({ dataset, split }: ModelWork, indices: readonly number[], batch: number): AsyncGenerator<[number, ImageBatch]> {
  const firsts = Array.from({ length: Math.ceil(indices.length / batch) }, (_, i) => i * batch);
  return ahead(firsts, async (first) => {
    const some = indices.slice(first, first + batch);
    return [first, { x: await gather(dataset, split, some), labels: gatherLabels(dataset, split, some), ids: Uint32Array.from(some) }];
  });
}
