import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import type { Dynamic } from "../../engine/gpu/kernel.ts";
import type { Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { differentiate } from "../../engine/graph/differentiate.ts";
import type { Value } from "../../engine/graph/graph.ts";
import { compilePlan } from "../../engine/plan/compile.ts";
import { subPixels } from "../data/dataset.ts";
import { lossGraph } from "../models/architecture.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { type AttackInputs, compileInnerAttack, type InnerAttack } from "./inner-attack.ts";
import { makeOptimiser, type Optimiser } from "./optimiser.ts";
import { adversaryAt, learningRateAt, type Length } from "./schedule.ts";

/** What one step trains on; all of the batch's size. */
export interface TrainingBatch {
  readonly image: Float32Array;
  readonly labels: Uint32Array;
  /** Indices of the images in the training split. */
  readonly ids: Uint32Array;
}

/**
 * One update of the weights as one command buffer: the inner attack with all its iterations (if there is an adversary),
 * forward, backward, optimiser. Nothing is read back.
 */
export class TrainingStep {
  private constructor(
    readonly session: Session,
    readonly config: TrainConfig,
    readonly length: Length,
    readonly inputs: AttackInputs,
    readonly attack: InnerAttack | undefined,
    readonly optimiser: Optimiser,
    readonly program: Program,
    /** [batch] f32: cross-entropy of each image of the last step, before its update; gone when the next has begun. */
    readonly loss: Tensor,
    /** [batch, m] f32: what the last step trained on. */
    readonly trainedOn: Tensor,
  ) {}

  /** @param network made with gradients and the optimiser's slots. @throws EngineError OUT_OF_MEMORY, SHADER_INVALID. */
  static async compile(session: Session, network: Network, config: TrainConfig, seed: bigint, length: Length): Promise<TrainingStep> {
    const { scope } = session;
    const { batchSize: n, adversary } = config;
    const inputs = { image: scope.tensor("image", [n, subPixels(network.inputShape)]), labels: scope.tensor("labels", [n], "u32"), ids: scope.tensor("ids", [n], "u32") };
    const trainedOn = adversary ? scope.tensor("adversarial", inputs.image.shape) : inputs.image;
    const { prologue, body, loss } = compileUpdate(session, network, trainedOn, inputs.labels); // before the attack: it needs most of the workspace
    const attack = adversary && compileInnerAttack(session, network, inputs, { adversarial: trainedOn, steps: adversary.steps, randomStart: adversary.randomStart, seed, stream: STREAM.trainingStart });
    const optimiser = makeOptimiser(config.optimiser, network.parameters);
    const program = await session.prepare("training step", [...(attack ? [...attack.prologue, ...attack.body] : []), ...prologue, ...body, optimiser.dispatch]);
    return new TrainingStep(session, config, length, inputs, attack, optimiser, program, loss, trainedOn);
  }

  /** Submits step number `step`, counted from 0 over the whole training. Does not wait. */
  submit(step: number, { image, labels, ids }: TrainingBatch): void {
    const { gpu } = this.session;
    const { optimiser, schedule, adversary } = this.config;
    const { stepsPerEpoch } = this.length;
    gpu.write(this.inputs.image, image);
    gpu.write(this.inputs.labels, labels);
    gpu.write(this.inputs.ids, ids);
    const values: [Dynamic, number][] = this.optimiser.values(step, learningRateAt(schedule, optimiser.learningRate, step, this.length));
    const reach = adversary && adversaryAt(adversary, step, stepsPerEpoch);
    this.program.run(new Map([...values, ...(reach && this.attack ? this.attack.values(reach, Math.floor(step / stepsPerEpoch)) : [])]));
  }
}

/** Loss and its gradient with respect to every parameter, of the batch mean. */
function compileUpdate({ gpu, scope, workspace }: Session, network: Network, image: Tensor, labels: Tensor): Pick<ReturnType<typeof compilePlan>, "prologue" | "body"> & { loss: Tensor } {
  const n = image.shape[0]!;
  const built = lossGraph(network.architecture, network, n);
  const parameters = built.graph.nodes.flatMap(({ operation }, value) => (operation.op === "parameter" ? [value as Value] : []));
  const { graph, gradients } = differentiate(built.graph, built.loss, parameters, 1 / n);
  const { prologue, body, output } = compilePlan(gpu, scope, graph, network.parameters, { mode: "train", image, labels, keep: [built.loss], gradientsInto: gradients, workspace });
  return { prologue, body, loss: output(built.loss) };
}
