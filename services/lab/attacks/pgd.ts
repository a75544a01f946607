import type { PgdConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import { seedWords } from "../../common/rng.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program, repeat } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { keepBetter } from "../../engine/kernels/attack/keep-better.ts";
import { l2Project } from "../../engine/kernels/attack/l2-project.ts";
import { l2Start } from "../../engine/kernels/attack/l2-start.ts";
import { l2Step } from "../../engine/kernels/attack/l2-step.ts";
import { linfStart } from "../../engine/kernels/attack/linf-start.ts";
import { linfStep } from "../../engine/kernels/attack/linf-step.ts";
import { softmaxCrossEntropy } from "../../engine/kernels/loss/softmax-cross-entropy.ts";
import { MAX_F32 } from "../../engine/kernels/image-space.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { rowNorm } from "../../engine/kernels/reduce/row-norm.ts";
import { type GradientPass, gradientPass } from "../attributions/input-gradient.ts";
import { subPixels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import { type PredictionPass, predictionPass } from "../models/predictor.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { defaultStepSize } from "../training/schedule.ts";
import { type Bounds, requireKept } from "./check.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noPlaces } from "./variant.ts";

/**
 * Projected gradient descent (Madry et al. 2018) on the cross-entropy, l∞ or l2, in evaluation mode:
 *
 *   l∞: x ← clip_[0,1] clip_{x0±ε}( x + α·sign ∇ℓ )      l2: x ← clip_[0,1] Π_{B₂(x0,ε)}( x + α·∇ℓ/‖∇ℓ‖₂ )
 *
 * Untargeted: ascends the label's loss, succeeds when another class is predicted. Targeted: descends the target's loss,
 * succeeds when the target is predicted. Of several restarts the one with the highest loss (targeted: the largest margin
 * of the target) counts, image by image; without random starts there is one. A restart, all its iterations, is one
 * command buffer.
 *
 * Differs  torchattacks takes the batch mean's gradient, so its l2 step is shorter for sure images; here an image's result
 *          does not depend on its batch.
 */
export class Pgd implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: PgdConfig, private readonly tensors: PgdTensors,
    private readonly restart: Program, private readonly judge: Program, private readonly draw: Dynamic,
    private readonly readback: Readback, private readonly examples: Readback,
  ) {}

  /** @param seed of the random starts. @throws AppError INVALID_INPUT when the network has no class `target`. */
  static async prepare(session: Session, network: Network, config: PgdConfig, batch: number, seed: bigint): Promise<Pgd> {
    const { target } = config;
    if (target !== undefined && target >= network.classCount) throw new AppError("INVALID_INPUT", `pgd: expected a target below ${network.classCount} classes, got ${target}`, { field: "attack.pgd.target", target });
    const { scope } = session;
    const m = subPixels(network.inputShape);
    const gradient = await gradientPass(session, network, batch, "loss");
    const prediction = await predictionPass(session, network, batch);
    const image = (label: string): Tensor => scope.tensor(label, [batch, m]);
    const vector = (label: string): Tensor => scope.tensor(label, [batch]);
    const tensors: PgdTensors = {
      gradient, prediction, batch, m, x0: image("clean"), best: image("best"), ids: scope.tensor("ids", [batch], "u32"), goal: scope.tensor("goal", [batch], "u32"),
      score: vector("score"), bestScore: vector("best score"), norm: vector("norm"), facts: scope.tensor("facts", [batch, ROW_CHECK.width]),
    };
    const draw = new Dynamic("restart");
    const restart = await session.prepare("pgd", [...gradient.prologue, ...prediction.prologue, ...restartSteps(config, tensors, draw, seed, network.classCount)]);
    const judge = await session.prepare("pgd: judge", [
      copy(tensors.best, prediction.image), ...prediction.body, rowCheck(tensors.best, tensors.x0, tensors.facts, { n: batch, m }),
    ]);
    const readback = session.readback([prediction.prediction, tensors.bestScore, tensors.facts]);
    return new Pgd(session, config, tensors, restart, judge, draw, readback, session.readback([tensors.best]));
  }

  async attack(images: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { labels, ids } = images;
    const { target, norm, restarts, randomStart } = this.config;
    this.#upload(images);
    for (let r = 0; r < (randomStart ? restarts : 1); r++) {
      this.session.check();
      this.restart.run(randomStart ? new Map([[this.draw, r]]) : new Map());
    }
    this.judge.run();
    const [predicted, score, facts] = (await this.readback.read()) as [Uint32Array, Float32Array, Float32Array];
    requireFinite(score, labels.length, ids);
    requireKept(`pgd ${norm}`, facts, labels.length, ids, this.#bounds());
    const fact = (i: number, at: "linf" | "l2"): number => facts[i * ROW_CHECK.width + ROW_CHECK[at]]!;
    const [best] = examples ? ((await this.examples.read()) as [Float32Array]) : [null];
    return {
      results: [{
        variant: noPlaces, draws: 1, prediction: predicted.slice(0, labels.length),
        success: Float64Array.from(labels, (label, i) => Number(target === undefined ? predicted[i] !== label : predicted[i] === target)),
        detail: Array.from(labels, (_, i) => ({ [target === undefined ? "loss" : "margin"]: score[i]!, linf: fact(i, "linf"), l2: fact(i, "l2") })),
      }],
      examples: best && best.slice(0, images.x.length),
    };
  }

  #upload({ x, labels, ids }: ImageBatch): void {
    const { gpu } = this.session;
    const { x0, ids: idTensor, goal, bestScore, prediction, batch } = this.tensors;
    const { target } = this.config;
    const goals = target === undefined ? labels : new Uint32Array(labels.length).fill(target);
    gpu.write(x0, x);
    gpu.write(idTensor, ids);
    gpu.write(goal, goals);
    gpu.write(prediction.labels, goals); // whose margin a targeted attack is judged by
    gpu.write(bestScore, new Float32Array(batch).fill(-MAX_F32));
  }

  #bounds(): Bounds {
    const { norm, epsilon } = this.config;
    return norm === "linf" ? { linf: epsilon } : { l2: { radius: epsilon, subPixels: this.tensors.m } };
  }
}

/** A score that is not finite was never kept, or says nothing: the image beside it would pass for an attack. */
function requireFinite(score: Float32Array, count: number, ids: Uint32Array): void {
  for (let i = 0; i < count; i++) {
    if (Math.abs(score[i]!) < MAX_F32) continue;
    throw new AppError("VALUE_RANGE", `pgd: image ${ids[i]}: expected finite losses and margins, got none; the network's weights may be too large`, { image: ids[i] });
  }
}

interface PgdTensors {
  readonly batch: number;
  readonly m: number;
  readonly gradient: GradientPass;
  readonly prediction: PredictionPass;
  readonly x0: Tensor;
  readonly best: Tensor;
  readonly ids: Tensor;
  /** Class whose loss is climbed (the label) or descended (the target). */
  readonly goal: Tensor;
  readonly score: Tensor;
  readonly bestScore: Tensor;
  readonly norm: Tensor;
  readonly facts: Tensor;
}

/** From the start of one restart to its comparison with the best so far. */
function restartSteps(config: PgdConfig, tensors: PgdTensors, draw: Dynamic, seed: bigint, classCount: number): Step[] {
  const { batch: n, m, gradient, prediction, best, bestScore, goal, score } = tensors;
  const x = gradient.image; // the iterate lives where the gradient reads it
  const move = stepOf(config, tensors);
  const judged = config.target === undefined ? softmaxCrossEntropy(prediction.logits, goal, score, { n, k: classCount }) : copy(prediction.margin, score);
  return [
    copy(goal, gradient.labels),
    ...startOf(config, tensors, draw, seed),
    ...repeat(config.steps, () => move),
    copy(x, prediction.image), ...prediction.body, judged,
    keepBetter(x, score, best, bestScore, { n, m }),
  ];
}

function startOf({ norm, randomStart, epsilon }: PgdConfig, { x0, ids, gradient, norm: scratch, batch: n, m }: PgdTensors, draw: Dynamic, seed: bigint): Step[] {
  const x = gradient.image;
  if (!randomStart) return [copy(x0, x)];
  const [seedLow, seedHigh] = seedWords(seed);
  const key = { n, m, seedLow, seedHigh, draw, stream: STREAM.attackStart, epsilon };
  return norm === "linf" ? [linfStart(x0, ids, x, key)] : l2Start(x0, ids, x, scratch, key);
}

/** One iteration; the same objects each time, so that a program prepares them once. */
function stepOf({ norm, epsilon, steps, stepSize = defaultStepSize(epsilon, steps), target }: PgdConfig, { gradient, x0, norm: length, batch: n, m }: PgdTensors): Step[] {
  const x = gradient.image;
  const direction = target === undefined ? 1 : -1;
  if (norm === "linf") return [...gradient.body, linfStep(x, x0, gradient.gradient, { n, m, stepSize, epsilon, direction })];
  return [
    ...gradient.body,
    rowNorm(gradient.gradient, null, length, { n, m }), l2Step(x, gradient.gradient, length, { n, m, stepSize, direction }),
    rowNorm(x, x0, length, { n, m }), l2Project(x, x0, length, { n, m, epsilon }),
  ];
}
