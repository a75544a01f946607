import type { PgdConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import { seedWords } from "../../common/rng.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { softmaxCrossEntropy } from "../../engine/kernels/loss/softmax-cross-entropy.ts";
import { MAX_F32 } from "../../engine/kernels/image-space.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { type LossPass, lossPass } from "../attributions/input-gradient.ts";
import { subPixels } from "../data/dataset.ts";
import { inTurn } from "../in-turn.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Network } from "../models/network.ts";
import { type PredictionPass, predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { defaultStepSize } from "../training/schedule.ts";
import { type Bounds, requireKept } from "./check.ts";
import { pgdSteps } from "./pgd-steps.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noPlaces } from "./variant.ts";

/** One launch: some images of the batch, under some restarts. */
interface Launch { readonly first: number; readonly count: number; readonly restart: number }

/** What an image's best restart left. */
interface Best { score: number; prediction: number; facts: Float32Array; x: Float32Array | undefined }

/**
 * Projected gradient descent (Madry et al. 2018) on the cross-entropy, l∞ or l2 (pgd-steps.ts), in evaluation mode.
 *
 * Untargeted: ascends the label's loss, succeeds when another class is predicted. Targeted: descends the target's loss,
 * succeeds when the target is predicted. Of several restarts the one with the highest loss (targeted: the largest margin
 * of the target) counts, the first of equals, image by image; without random starts there is one.
 *
 * A launch is all iterations of as many images and restarts, side by side, as suit the adapter: restart s of the launch has
 * rows [s·images, (s+1)·images).
 *
 * Differs  torchattacks takes the batch mean's gradient, so its l2 step is shorter for sure images; here an image's result
 *          does not depend on its batch.
 */
export class Pgd implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: PgdConfig, private readonly tensors: PgdTensors,
    private readonly prologue: Program, private readonly program: Program, private readonly draw: Dynamic,
    private readonly readback: Readback, private readonly withExamples: Readback,
  ) {}

  /**
   * @param batch images at a time.
   * @param seed, stream of the random starts.
   * @throws AppError INVALID_INPUT when the network has no class `target`.
   */
  static async prepare(session: Session, network: Network, config: PgdConfig, batch: number, seed: bigint, stream: number = STREAM.attackStart): Promise<Pgd> {
    const { target, restarts } = config;
    if (target !== undefined && target >= network.classCount) throw new AppError("INVALID_INPUT", `pgd: expected a target below ${network.classCount} classes, got ${target}`, { field: "attack.pgd.target", target });
    const most = await launchRows(session, network, "gradient");
    const images = evenly(batch, most);
    const slots = evenly(restarts, Math.max(1, Math.floor(most / images)));
    const rows = images * slots;
    const gradient = await lossPass(session, network, rows);
    const prediction = await predictionPass(session, network, rows);
    const tensors = makeTensors(session, { images, slots, m: subPixels(network.inputShape), gradient, prediction });
    const draw = new Dynamic("restart");
    const prologue = await session.prepare("pgd: weights", [...gradient.prologue, ...prediction.prologue]);
    const program = await session.prepare("pgd", launchSteps(config, tensors, { draw, seed, stream }, network.classCount));
    const results = [prediction.prediction, tensors.score, tensors.facts];
    return new Pgd(session, config, tensors, prologue, program, draw, session.readback(results), session.readback([...results, gradient.image]));
  }

  async attack(batch: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { labels, ids, x } = batch;
    const { target, norm } = this.config;
    const best = Array.from(labels, (): Best => ({ score: -MAX_F32, prediction: 0, facts: new Float32Array(ROW_CHECK.width), x: undefined }));
    const readback = examples ? this.withExamples : this.readback;
    this.prologue.run();
    await inTurn(this.#launches(labels.length), (launch) => this.#submit(batch, launch), () => readback.read() as Promise<unknown> as Promise<Found>, (found, launch) => this.#keepBest(best, launch, found));
    requireFinite(best, ids);
    requireKept(`pgd ${norm}`, Float32Array.from(best.flatMap(({ facts }) => [...facts])), labels.length, ids, this.#bounds());
    return {
      results: [{
        variant: noPlaces, draws: 1, prediction: Uint32Array.from(best, ({ prediction }) => prediction),
        success: Float64Array.from(best, ({ prediction }, i) => Number(target === undefined ? prediction !== labels[i] : prediction === target)),
        detail: best.map(({ score, facts }) => ({ [target === undefined ? "loss" : "margin"]: score, linf: facts[ROW_CHECK.linf]!, l2: facts[ROW_CHECK.l2]! })),
      }],
      examples: examples ? joined(best, x.length) : null,
    };
  }

  /** Restarts of the same images one after the other, so that these are uploaded once. */
  *#launches(count: number): Generator<Launch> {
    const { images, slots } = this.tensors;
    for (let first = 0; first < count; first += images) {
      for (let restart = 0; restart < this.config.restarts; restart += slots) yield { first, count: Math.min(images, count - first), restart };
    }
  }

  #submit(batch: ImageBatch, { first, count, restart }: Launch): void {
    this.session.check();
    if (restart === 0) this.#upload(batch, first, count);
    this.program.run(this.config.randomStart ? new Map([[this.draw, restart]]) : new Map());
  }

  #upload({ x, labels, ids }: ImageBatch, first: number, count: number): void {
    const { gpu } = this.session;
    const { x0, ids: idTensor, gradient, prediction, images, slots, m } = this.tensors;
    const { target } = this.config;
    const last = first + count;
    const goals = target === undefined ? labels.subarray(first, last) : new Uint32Array(count).fill(target);
    for (let slot = 0; slot < slots; slot++) {
      const begin = slot * images;
      gpu.write(part(x0, begin * m, count * m), x.subarray(first * m, last * m));
      gpu.write(part(idTensor, begin, count), ids.subarray(first, last));
      for (const { labels: goal } of [gradient, prediction]) gpu.write(part(goal, begin, count), goals); // the prediction's: whose margin a targeted attack is judged by
    }
  }

  /** A NaN is never better: what is left of an image without finite scores is its beginning, which requireFinite refuses. */
  #keepBest(best: Best[], { first, count, restart }: Launch, [prediction, score, facts, x]: Found): void {
    const { images, slots, m } = this.tensors;
    for (let slot = 0; slot < Math.min(slots, this.config.restarts - restart); slot++) {
      for (let i = 0; i < count; i++) {
        const row = slot * images + i;
        if (!(score[row]! > best[first + i]!.score)) continue;
        const { width } = ROW_CHECK;
        best[first + i] = { score: score[row]!, prediction: prediction[row]!, facts: facts.subarray(row * width, (row + 1) * width), x: x?.subarray(row * m, (row + 1) * m) };
      }
    }
  }

  #bounds(): Bounds {
    const { norm, epsilon } = this.config;
    return norm === "linf" ? { linf: epsilon } : { l2: { radius: epsilon, subPixels: this.tensors.m } };
  }
}

type Found = readonly [prediction: Uint32Array, score: Float32Array, facts: Float32Array, x?: Float32Array];

/** A score that is not finite was never kept, or says nothing: the image beside it would pass for an attack. */
function requireFinite(best: readonly Best[], ids: Uint32Array): void {
  best.forEach(({ score }, i) => {
    if (Math.abs(score) < MAX_F32) return;
    throw new AppError("VALUE_RANGE", `pgd: image ${ids[i]}: expected finite losses and margins, got none; the network's weights may be too large`, { image: ids[i] });
  });
}

function joined(best: readonly Best[], length: number): Float32Array {
  const all = new Float32Array(length);
  best.forEach(({ x }, i) => all.set(x!, (i * length) / best.length));
  return all;
}

interface PgdTensors {
  /** Images and restarts of one launch; rows = images · slots. */
  readonly images: number;
  readonly slots: number;
  readonly m: number;
  /** Its image is the iterate; its labels are whose loss is climbed, or descended when targeted. */
  readonly gradient: LossPass;
  readonly prediction: PredictionPass;
  readonly x0: Tensor;
  readonly ids: Tensor;
  /** Which restart of the launch each row is. */
  readonly draws: Tensor;
  readonly score: Tensor;
  readonly scratch: Tensor;
  readonly facts: Tensor;
}

function makeTensors({ gpu, scope }: Session, given: Pick<PgdTensors, "images" | "slots" | "m" | "gradient" | "prediction">): PgdTensors {
  const rows = given.images * given.slots;
  const draws = scope.tensor("draws", [rows], "u32");
  gpu.write(draws, Uint32Array.from({ length: rows }, (_, row) => Math.floor(row / given.images)));
  return {
    ...given, draws, x0: scope.tensor("clean", [rows, given.m]), ids: scope.tensor("ids", [rows], "u32"),
    score: scope.tensor("score", [rows]), scratch: scope.tensor("norm", [rows]), facts: scope.tensor("facts", [rows, ROW_CHECK.width]),
  };
}

/** From the starts to what each restart is judged by: one forward pass of the last iterate serves score and prediction. */
function launchSteps(config: PgdConfig, { images, slots, m, gradient, prediction, x0, ids, draws, score, scratch, facts }: PgdTensors, { draw, seed, stream }: { draw: Dynamic; seed: bigint; stream: number }, classCount: number): Step[] {
  const { norm, epsilon, steps, stepSize = defaultStepSize(epsilon, steps), target, randomStart } = config;
  const n = images * slots;
  const x = gradient.image; // the iterate lives where the gradient reads it
  const [seedLow, seedHigh] = seedWords(seed);
  return [
    ...pgdSteps({ x, x0, ids, draws, pass: gradient, scratch }, { norm, steps, epsilon, stepSize, direction: target === undefined ? 1 : -1, start: randomStart ? { seedLow, seedHigh, draw, stream } : undefined }),
    copy(x, prediction.image), ...prediction.body,
    target === undefined ? softmaxCrossEntropy(prediction.logits, prediction.labels, score, { n, k: classCount }) : copy(prediction.margin, score),
    rowCheck(x, x0, facts, { n, m }),
  ];
}
