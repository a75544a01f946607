import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import type { Dynamic, Step } from "../../engine/gpu/kernel.ts";
import { clear, copy, type Program } from "../../engine/gpu/program.ts";
import { elements, type Tensor } from "../../engine/gpu/tensor.ts";
import { accumulate } from "../../engine/kernels/elementwise/accumulate.ts";
import { subPixels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { type AttackInputs, compileInnerAttack, type InnerAttack } from "./inner-attack.ts";
import { makeOptimiser, type Optimiser } from "./optimiser.ts";
import { adversaryAt, learningRateAt, type Length } from "./schedule.ts";
import { type BatchPart, batchParts, trainingRows } from "./training-rows.ts";
import { compileUpdate } from "./update.ts";

/** What one step trains on; all of the batch's size. */
export interface TrainingBatch {
  readonly image: Float32Array;
  readonly labels: Uint32Array;
  /** Indices of the images in the training split. */
  readonly ids: Uint32Array;
}

/** Some images of a batch on their way through the network: the inner attack (if there is an adversary), forward, backward. */
interface Pass {
  /** All of the pass's size. */
  readonly inputs: AttackInputs;
  readonly attack: InnerAttack | undefined;
  readonly steps: readonly Step[];
  /** [rows] f32 */
  readonly loss: Tensor;
  /** [rows, m] f32 */
  readonly trainedOn: Tensor;
}

/** The images [first, first + count) of a batch and what is run for them, one command buffer after the other. */
interface Launch extends BatchPart { readonly inputs: AttackInputs; readonly programs: readonly Program[] }

/**
 * One update of the weights: the inner attack with all its iterations (if there is an adversary), forward, backward,
 * optimiser. One command buffer, or one for each part of a batch that does not fit (training-rows.ts). Nothing is read back.
 */
export class TrainingStep {
  private constructor(
    readonly session: Session,
    readonly config: TrainConfig,
    readonly length: Length,
    private readonly launches: readonly Launch[],
    private readonly attacks: readonly InnerAttack[],
    private readonly optimiser: Optimiser,
    /** [batch] f32: cross-entropy of each image of the last step, before its update; gone when the next has begun. */
    readonly loss: Tensor,
    /** [rows, m] f32: what the last step, or its last part, trained on. */
    readonly trainedOn: Tensor,
  ) {}

  /**
   * @param network made with gradients and the optimiser's slots.
   * @param rows    images of the batch that fit the device at a time.
   * @throws AppError INVALID_INPUT (trainingRows); EngineError OUT_OF_MEMORY, SHADER_INVALID.
   */
  static async compile(session: Session, network: Network, config: TrainConfig, seed: bigint, length: Length, rows = trainingRows(session, network, config)): Promise<TrainingStep> {
    const { batchSize: n } = config;
    const parts = batchParts(n, rows);
    const passes = new Map([...new Set(parts.map(({ count }) => count))].sort((a, b) => b - a).map((count) => [count, compilePass(session, network, config, seed, count)])); // the largest first: it needs most of the workspace
    const attacks = [...passes.values()].flatMap(({ attack }) => attack ?? []);
    const { trainedOn, ...last } = passes.get(parts.at(-1)!.count)!;
    if (parts.length === 1) {
      const optimiser = makeOptimiser(config.optimiser, network.parameters);
      const program = await session.prepare("training step", [...last.steps, ...optimiser.dispatches]);
      return new TrainingStep(session, config, length, [{ first: 0, count: n, inputs: last.inputs, programs: [program] }], attacks, optimiser, last.loss, trainedOn);
    }
    const sums = network.parameters.gradients.map(({ shape }) => session.scope.tensor("gradient sum", shape));
    const optimiser = makeOptimiser(config.optimiser, network.parameters, sums);
    const loss = session.scope.tensor("losses", [n]);
    const launches = await inParts(session, network, parts, passes, { sums, loss, optimiser });
    return new TrainingStep(session, config, length, launches, attacks, optimiser, loss, trainedOn);
  }

  /** Submits step number `step`, counted from 0 over the whole training. Does not wait. */
  submit(step: number, { image, labels, ids }: TrainingBatch): void {
    const { gpu } = this.session;
    const { optimiser, schedule, adversary } = this.config;
    const { stepsPerEpoch } = this.length;
    const reach = adversary && adversaryAt(adversary, step, stepsPerEpoch);
    const values = new Map<Dynamic, number>([
      ...this.optimiser.values(step, learningRateAt(schedule, optimiser.learningRate, step, this.length)),
      ...(reach ? this.attacks.flatMap((attack) => attack.values(reach, Math.floor(step / stepsPerEpoch))) : []),
    ]);
    const m = image.length / labels.length;
    for (const { first, count, inputs, programs } of this.launches) {
      gpu.write(inputs.image, image.subarray(first * m, (first + count) * m));
      gpu.write(inputs.labels, labels.subarray(first, first + count));
      gpu.write(inputs.ids, ids.subarray(first, first + count));
      for (const program of programs) program.run(values);
    }
  }
}

function compilePass(session: Session, network: Network, { batchSize, adversary }: TrainConfig, seed: bigint, rows: number): Pass {
  const { scope } = session;
  const inputs = { image: scope.tensor("image", [rows, subPixels(network.inputShape)]), labels: scope.tensor("labels", [rows], "u32"), ids: scope.tensor("ids", [rows], "u32") };
  const trainedOn = adversary ? scope.tensor("adversarial", inputs.image.shape) : inputs.image;
  const { steps, loss } = compileUpdate(session, network, trainedOn, inputs.labels, batchSize); // before the attack: it needs most of the workspace
  const attack = adversary && compileInnerAttack(session, network, inputs, { adversarial: trainedOn, steps: adversary.steps, randomStart: adversary.randomStart, seed, stream: STREAM.trainingStart });
  return { inputs, attack, steps: [...(attack ? [...attack.prologue, ...attack.body] : []), ...steps], loss, trainedOn };
}

/** What an update in parts adds up: the parts' gradients in `sums`, their losses side by side in `loss`. */
interface Sum { readonly sums: readonly Tensor[]; readonly loss: Tensor; readonly optimiser: Optimiser }

async function inParts(session: Session, { parameters }: Network, parts: readonly BatchPart[], passes: ReadonlyMap<number, Pass>, { sums, loss, optimiser }: Sum): Promise<Launch[]> {
  const added = sums.map((sum, i) => accumulate(parameters.gradients[i]!, sum, elements(sum.shape)));
  const begin = await session.prepare("training step: begin", sums.map(clear));
  const programs = new Map<number, Program>();
  for (const [count, { steps }] of passes) programs.set(count, await session.prepare("training step: part", [...steps, ...added]));
  const end = await session.prepare("training step: update", optimiser.dispatches);
  const launches: Launch[] = [];
  for (const [i, { first, count }] of parts.entries()) {
    const pass = passes.get(count)!;
    const keep = await session.prepare("training step: losses", [copy(pass.loss, part(loss, first, count))]);
    launches.push({ first, count, inputs: pass.inputs, programs: [...(i === 0 ? [begin] : []), programs.get(count)!, keep, ...(i === parts.length - 1 ? [end] : [])] });
  }
  return launches;
}
