import type { Readback } from "../../engine/gpu/device.ts";
import type { Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { requireKept } from "../attacks/check.ts";
import { batchesOf } from "../data/batches.ts";
import { type Dataset, gather, gatherLabels, type SplitName, subPixels } from "../data/dataset.ts";
import { type Network, requireFit } from "../models/network.ts";
import { predictionPass } from "../models/predictor.ts";
import type { Session } from "../session.ts";
import { type RateInterval, wilson } from "../statistics/intervals.ts";
import { STREAM } from "../streams.ts";
import { type AttackInputs, compileInnerAttack, type InnerAttack } from "./inner-attack.ts";
import { defaultStepSize, type Reach } from "./schedule.ts";

export interface EvaluationOptions {
  readonly batchSize: number;
  /** l∞ PGD with a random start for the robust accuracy; none when absent. */
  readonly pgd?: { readonly epsilon: number; readonly steps: number; readonly stepSize?: number | undefined } | undefined;
}

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
export async function evaluate(session: Session, network: Network, dataset: Dataset, split: SplitName, indices: ArrayLike<number>, { batchSize, pgd }: EvaluationOptions): Promise<Evaluation> {
  requireFit(network, dataset);
  const compiled = await session.cached(network, `evaluate ${batchSize} ${pgd?.steps}`, () => Evaluator.compile(session, network, batchSize, pgd?.steps));
  const reach = pgd && { epsilon: pgd.epsilon, stepSize: pgd.stepSize ?? defaultStepSize(pgd.epsilon, pgd.steps) };
  let clean = 0;
  let robust = 0;
  compiled.refresh();
  for (const batch of batchesOf(indices, batchSize)) {
    session.check();
    const labels = gatherLabels(dataset, split, batch.indices);
    const found = await compiled.run(gather(dataset, split, batch.indices), labels, batch.indices, batch.count, reach);
    for (let i = 0; i < batch.count; i++) {
      clean += Number(found.clean[i] === labels[i]);
      robust += Number(found.adversarial?.[i] === labels[i]);
    }
  }
  return { clean: wilson(clean, indices.length), pgd: pgd ? wilson(robust, indices.length) : null };
}

/** The programs of one batch size and attack length. */
class Evaluator {
  private constructor(
    readonly session: Session,
    readonly inputs: AttackInputs,
    readonly attack: InnerAttack | undefined,
    readonly prologue: Program,
    readonly body: Program,
    readonly readback: Readback,
  ) {}

  static async compile(session: Session, network: Network, n: number, steps: number | undefined): Promise<Evaluator> {
    const { scope } = session;
    const m = subPixels(network.inputShape);
    const inputs = { image: scope.tensor("image", [n, m]), labels: scope.tensor("labels", [n], "u32"), ids: scope.tensor("ids", [n], "u32") };
    const pass = await predictionPass(session, network, n);
    const predict = (label: string, image: Tensor): { steps: Step[]; prediction: Tensor } => {
      const prediction = scope.tensor(label, [n], "u32");
      return { prediction, steps: [copy(image, pass.image), ...pass.body, copy(pass.prediction, prediction)] };
    };
    const clean = predict("clean prediction", inputs.image);
    if (steps === undefined) {
      return new Evaluator(session, inputs, undefined, await session.prepare("evaluate: fold", pass.prologue), await session.prepare("evaluate", clean.steps), session.readback([clean.prediction]));
    }
    const attack = compileInnerAttack(session, network, inputs, { steps, randomStart: true, seed: EVALUATION_SEED, stream: STREAM.evaluationStart });
    const attacked = predict("adversarial prediction", attack.adversarial);
    const facts = scope.tensor("facts", [n, ROW_CHECK.width]);
    const prologue = await session.prepare("evaluate: fold", [...pass.prologue, ...attack.prologue]);
    const body = await session.prepare("evaluate", [...clean.steps, ...attack.body, ...attacked.steps, rowCheck(attack.adversarial, inputs.image, facts, { n, m })]);
    return new Evaluator(session, inputs, attack, prologue, body, session.readback([clean.prediction, attacked.prediction, facts]));
  }

  /** Call after every change of the weights. */
  refresh(): void { this.prologue.run(); }

  async run(image: Float32Array, labels: Uint32Array, ids: Uint32Array, count: number, reach: Reach | undefined): Promise<{ clean: Uint32Array; adversarial: Uint32Array | undefined }> {
    const { gpu } = this.session;
    gpu.write(this.inputs.image, image);
    gpu.write(this.inputs.labels, labels);
    gpu.write(this.inputs.ids, ids);
    this.body.run(new Map(reach && this.attack?.values(reach, 0)));
    const [clean, adversarial, facts] = (await this.readback.read()) as [Uint32Array, Uint32Array?, Float32Array?];
    if (facts && reach) requireKept("pgd", facts, count, ids, { linf: reach.epsilon });
    return { clean, adversarial };
  }
}
