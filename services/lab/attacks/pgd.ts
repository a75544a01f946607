import type { PgdConfig } from "../../../schema/jobs/attack.ts";
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
import { requireKept } from "./check.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noPlaces } from "./variant.ts";

/**
 * Projected gradient descent (Madry et al. 2018) on the cross-entropy, l∞ or l2, in evaluation mode:
 *
 *   l∞: x ← clip_[0,1] clip_{x0±ε}( x + α·sign ∇ℓ )      l2: x ← clip_[0,1] Π_{B₂(x0,ε)}( x + α·∇ℓ/‖∇ℓ‖₂ )
 *
 * Untargeted: ascends the label's loss, succeeds when another class is predicted. Targeted: descends the target's loss,
 * succeeds when the target is predicted. Of several restarts the one with the highest loss (targeted: the largest margin
 * of the target) counts, image by image. One restart, all its iterations, is one command buffer.
 *
 * Differs  torchattacks takes the batch mean's gradient, so its l2 step is shorter for sure images; here an image's result
 *          does not depend on its batch.
 */
export class Pgd implements AttackRecipe {
  readonly #name: string;

  private constructor(
    private readonly session: Session, private readonly config: PgdConfig, private readonly tensors: PgdTensors,
    private readonly restart: Program, private readonly finish: Program, private readonly draw: Dynamic, private readonly readback: Readback,
  ) {
    this.#name = `pgd-${config.norm}`;
  }

  /** @param seed of the random starts. */
  static async prepare(session: Session, network: Network, config: PgdConfig, batch: number, seed: bigint): Promise<Pgd> {
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
    const finish = await session.prepare("pgd: judge", [
      copy(tensors.best, prediction.image), ...prediction.body, rowCheck(tensors.best, tensors.x0, tensors.facts, { n: batch, m }),
    ]);
    return new Pgd(session, config, tensors, restart, finish, draw, session.readback([prediction.prediction, tensors.bestScore, tensors.facts, tensors.best]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { gpu } = this.session;
    const { x0, ids: idTensor, goal, bestScore, prediction, batch } = this.tensors;
    const { target, epsilon, norm, restarts } = this.config;
    const count = labels.length;
    gpu.write(x0, x);
    gpu.write(idTensor, ids);
    gpu.write(goal, target === undefined ? labels : new Uint32Array(count).fill(target));
    gpu.write(prediction.labels, target === undefined ? labels : new Uint32Array(count).fill(target));
    gpu.write(bestScore, new Float32Array(batch).fill(-MAX_F32));
    for (let r = 0; r < restarts; r++) {
      this.session.check();
      this.restart.run(this.config.randomStart ? new Map([[this.draw, r]]) : new Map());
    }
    this.finish.run();
    const [predicted, score, facts, best] = (await this.readback.read()) as [Uint32Array, Float32Array, Float32Array, Float32Array];
    requireKept(this.#name, facts, count, ids, norm === "linf" ? { linf: epsilon } : { l2: epsilon });
    const success = Float64Array.from({ length: count }, (_, i) => Number(target === undefined ? predicted[i] !== labels[i] : predicted[i] === target));
    const detail = Array.from({ length: count }, (_, i) => ({ [target === undefined ? "loss" : "margin"]: score[i]!, linf: facts[i * ROW_CHECK.width + ROW_CHECK.linf]!, l2: facts[i * ROW_CHECK.width + ROW_CHECK.l2]! }));
    return { results: [{ variant: noPlaces, success, prediction: predicted.slice(0, count), detail, draws: 1 }], examples: examples ? best.slice(0, x.length) : null };
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
