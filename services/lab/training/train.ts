import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { type Dataset, requireVariation } from "../data/dataset.ts";
import { forwardGraph } from "../models/architecture.ts";
import { architectureNamed } from "../models/architectures.ts";
import { makeNetwork, type Network, saveWeights } from "../models/network.ts";
import { type NetworkSummary, summarise } from "../models/summary.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { fingerprint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { evaluate } from "./evaluate.ts";
import { fixedTestImages } from "./held-out.ts";
import { LossRing } from "./loss-ring.ts";
import { slotCount } from "./optimiser.ts";
import { adversaryAt, learningRateAt, type Length } from "./schedule.ts";
import { TrainingImages } from "./training-images.ts";
import { TrainingStep } from "./training-step.ts";

/** One number of a series. Series of steps ("loss") count updates from 0; all others count finished epochs, "gini" from the untrained 0 on. */
export interface Metric { readonly series: string; readonly step: number; /** null: not finite */ readonly value: number | null }

export interface TrainHooks {
  metrics(points: readonly Metric[]): void;
  /** Called after each epoch; training goes on when it is stored. */
  checkpoint(epoch: number, bytes: Uint8Array): Promise<void>;
  /** Mean Gini of a fixed probe set under the network as it is; absent: not followed. */
  probe?: (network: Network) => Promise<number>;
  /** What `checkpoint` was given last, to go on from. */
  resume?: Uint8Array;
}

export interface Trained {
  readonly network: Network;
  /** safetensors */
  readonly weights: Uint8Array;
  readonly summary: NetworkSummary;
  /** The epoch series' last values. */
  readonly finalMetrics: Readonly<Record<string, number | null>>;
}

/**
 * Trains a fresh network, standard or PGD-adversarially (equations 1 and 3 of the paper), and measures it after each epoch
 * on held-out images.
 *
 * An epoch is a random order of the training images cut into full batches; the incomplete last batch is left out, other
 * images each epoch. The result is a function of (config, seed, data, adapter): a training resumed from a checkpoint ends
 * with the same bits as one that was never interrupted.
 *
 * @throws AppError INVALID_INPUT (a batch larger than the training set), DIVERGED, WEIGHTS_CORRUPT (resume); the signal's
 *   reason when cancelled; EngineError.
 */
export async function train(session: Session, dataset: Dataset, config: TrainConfig, seed: bigint, hooks: TrainHooks): Promise<Trained> {
  const training = await Training.prepare(session, dataset, config, seed, hooks);
  if (training.finished === 0) await training.untrained();
  for (let epoch = training.finished; epoch < config.epochs; epoch++) await training.epoch(epoch);
  return training.result();
}

class Training {
  readonly #started: number;
  #metrics: Record<string, number | null>;
  private constructor(
    readonly session: Session, readonly dataset: Dataset, readonly config: TrainConfig, readonly hooks: TrainHooks,
    readonly network: Network, readonly images: TrainingImages, readonly length: Length, readonly step: TrainingStep, readonly ring: LossRing,
    readonly belongsTo: string,
    /** Epochs done before this process began. */
    readonly finished: number,
    metrics: Record<string, number | null>,
  ) {
    this.#started = session.clock.monotonic();
    this.#metrics = metrics;
  }

  static async prepare(session: Session, dataset: Dataset, config: TrainConfig, seed: bigint, hooks: TrainHooks): Promise<Training> {
    requireVariation(dataset);
    const images = new TrainingImages(dataset, config, seed);
    const length = { epochs: config.epochs, stepsPerEpoch: images.stepsPerEpoch };
    const { inputShape, classes, mean, std } = dataset;
    const network = makeNetwork(session.scope, architectureNamed(config.architecture), { inputShape, classCount: classes.length, mean, std }, { gradients: true, slots: slotCount(config.optimiser) });
    const belongsTo = fingerprint(config, seed, dataset);
    network.parameters.initialise(seed);
    const { epoch, metrics } = hooks.resume ? loadCheckpoint(network.parameters, hooks.resume, belongsTo) : { epoch: 0, metrics: {} };
    await session.tune(network, { training: true });
    const step = await TrainingStep.compile(session, network, config, seed, length);
    const ring = await LossRing.prepare(session, step.loss);
    return new Training(session, dataset, config, hooks, network, images, length, step, ring, belongsTo, epoch, metrics);
  }

  /** The curve's first point; also shows a probe that cannot work before time is spent on training. */
  async untrained(): Promise<void> {
    const gini = await this.hooks.probe?.(this.network);
    if (gini !== undefined) this.hooks.metrics([{ series: "gini", step: 0, value: gini }]);
  }

  /** Trains one epoch (counted from 0), measures, reports and saves. */
  async epoch(epoch: number): Promise<void> {
    const { loss, imagesPerSecond } = await this.#pass(epoch);
    this.#metrics = { "train-loss": loss, ...this.#rates(epoch), ...(await this.#measure(epoch)), "images-per-second": imagesPerSecond };
    this.hooks.metrics(Object.entries(this.#metrics).map(([series, value]) => ({ series, step: epoch + 1, value })));
    await this.hooks.checkpoint(epoch + 1, await saveCheckpoint(this.network.parameters, { epoch: epoch + 1, metrics: this.#metrics }, this.belongsTo));
  }

  async result(): Promise<Trained> {
    const { network, config, dataset } = this;
    const { graph } = forwardGraph(network.architecture, network, 1);
    const weights = await saveWeights(network, {
      architecture: config.architecture, dataset: dataset.name, dataset_sha256: dataset.contentHash,
      mean: JSON.stringify(network.mean), std: JSON.stringify(network.std), classes: JSON.stringify(dataset.classes), input_range: "[0, 1]",
    });
    return { network, weights, summary: summarise(graph), finalMetrics: this.#metrics };
  }

  /** All updates of one epoch. Mean loss over its images, each before the update that it was part of. */
  async #pass(epoch: number): Promise<{ loss: number; imagesPerSecond: number }> {
    const { clock } = this.session;
    let step = epoch * this.length.stepsPerEpoch;
    const started = clock.monotonic();
    const losses: number[] = [];
    const speed = (): number => (losses.length * this.config.batchSize) / Math.max(1e-3, (clock.monotonic() - started) / 1000);
    const batches = this.images.epoch(epoch);
    try {
      for (let batch = await batches.next(); !batch.done;) {
        this.session.check();
        this.step.submit(step++, batch.value);
        batch = await batches.next(); // gathered and augmented while the device works: before any wait for it
        this.#receive(epoch, losses, await this.ring.record(), speed);
      }
    } finally {
      await batches.return();
    }
    this.#receive(epoch, losses, await this.ring.flush(), speed);
    return { loss: losses.reduce((sum, v) => sum + v, 0) / losses.length, imagesPerSecond: speed() };
  }

  /** Takes in the losses that have arrived. @throws AppError DIVERGED. */
  #receive(epoch: number, losses: number[], arrived: readonly number[], speed: () => number): void {
    if (arrived.length === 0) return;
    const { epochs, stepsPerEpoch } = this.length;
    const first = epoch * stepsPerEpoch + losses.length;
    losses.push(...arrived);
    const points = arrived.map((value, i) => ({ series: "loss", step: first + i, value: Number.isFinite(value) ? value : null }));
    this.hooks.metrics(points);
    const bad = points.find(({ value }) => value === null);
    if (bad) throw new AppError("DIVERGED", `training: expected a finite loss, got ${arrived[bad.step - first]} at step ${bad.step} (epoch ${epoch + 1}); lower the learning rate`, { step: bad.step, epoch: epoch + 1 });
    const done = (epoch - this.finished) * stepsPerEpoch + losses.length;
    const remaining = epochs * stepsPerEpoch - (epoch * stepsPerEpoch + losses.length);
    const etaSeconds = ((this.session.clock.monotonic() - this.#started) / 1000 / done) * remaining;
    this.session.progress({ phase: `epoch ${epoch + 1}/${epochs}`, done: losses.length, total: stepsPerEpoch, etaSeconds, imagesPerSecond: speed() });
  }

  /** What the last step of the epoch was told. */
  #rates(epoch: number): Record<string, number> {
    const { config: { schedule, optimiser, adversary }, length } = this;
    const last = (epoch + 1) * length.stepsPerEpoch - 1;
    return {
      "learning-rate": learningRateAt(schedule, optimiser.learningRate, last, length),
      ...(adversary && { epsilon: adversaryAt(adversary, last, length.stepsPerEpoch).epsilon }),
    };
  }

  async #measure(epoch: number): Promise<Record<string, number>> {
    const { session, network, dataset, config: { evaluation }, hooks } = this;
    session.progress({ phase: `evaluation ${epoch + 1}/${this.length.epochs}`, done: 0, total: 1, etaSeconds: null, imagesPerSecond: null });
    const held = fixedTestImages(dataset, evaluation.count, STREAM.evaluation);
    const { clean, pgd } = await evaluate(session, network, dataset, "test", held, evaluation.pgd);
    const gini = await hooks.probe?.(network);
    return { "clean-accuracy": clean.rate, ...(pgd && { "pgd-accuracy": pgd.rate }), ...(gini !== undefined && { gini }) };
  }
}
