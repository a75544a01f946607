import type { Readback } from "../../engine/gpu/device.ts";
import type { Step } from "../../engine/gpu/kernel.ts";
import type { Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { margin } from "../../engine/kernels/loss/margin.ts";
import { ahead } from "../data/ahead.ts";
import { type Batch, batchesOf } from "../data/batches.ts";
import { type Dataset, gather, type SplitName, subPixels } from "../data/dataset.ts";
import { inTurn } from "../in-turn.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Session } from "../session.ts";
import { compileForward } from "./compiled.ts";
import type { Network } from "./network.ts";

/** Steps of a forward pass in evaluation mode with the predicted class and the margin of the label, and their tensors. */
export interface PredictionPass {
  readonly batch: number;
  /** [batch, m] f32 in [0, 1]; input. */
  readonly image: Tensor;
  /** [batch] u32; input of the margin. */
  readonly labels: Tensor;
  /** [batch] f32: the label's logit − the largest other; output. */
  readonly margin: Tensor;
  /** [batch] u32; output. */
  readonly prediction: Tensor;
  /** [batch, K] */
  readonly logits: Tensor;
  readonly prologue: readonly Step[];
  readonly body: readonly Step[];
}

/** Compiled once per network and batch size, and kept for the session. */
export function predictionPass(session: Session, network: Network, batch: number): Promise<PredictionPass> {
  return session.cached(network, `prediction ${batch}`, async () => {
    const { scope } = session;
    const image = scope.tensor("image", [batch, subPixels(network.inputShape)]);
    const labels = scope.tensor("labels", [batch], "u32");
    const margins = scope.tensor("margin", [batch]);
    const prediction = scope.tensor("prediction", [batch], "u32");
    const { prologue, body, logits } = compileForward(session, network, image);
    const steps = [...body, margin(logits, labels, margins, prediction, { n: batch, k: network.classCount })];
    return { batch, image, labels, margin: margins, prediction, logits, prologue, body: steps };
  });
}

/** Predicts images of a data set, launch by launch. */
export class Predictor {
  private constructor(private readonly session: Session, private readonly pass: PredictionPass, private readonly prologue: Program, private readonly program: Program, private readonly readback: Readback) {}

  /** Kept for the session. @param count images that will be asked for at a time; more or fewer work too. */
  static async prepare(session: Session, network: Network, count: number): Promise<Predictor> {
    const rows = evenly(count, await launchRows(session, network, "forward"));
    return session.cached(network, `predictor ${rows}`, async () => {
      const pass = await predictionPass(session, network, rows);
      return new Predictor(session, pass, await session.prepare("predict: weights", pass.prologue), await session.prepare("predict", pass.body), session.readback([pass.prediction]));
    });
  }

  /** @returns the predicted class of each of `indices`, in order. */
  async predict(dataset: Dataset, split: SplitName, indices: ArrayLike<number>, onLaunch: (done: number) => void = () => undefined): Promise<Uint32Array> {
    const { batch, image } = this.pass;
    const predictions = new Uint32Array(indices.length);
    const submit = ({ x }: Batch & { readonly x: Float32Array }): void => {
      this.session.check();
      this.session.gpu.write(image, x);
      this.program.run();
    };
    const launches = ahead(batchesOf(indices, batch), async (some) => ({ ...some, x: await gather(dataset, split, some.indices) }));
    this.prologue.run();
    await inTurn(launches, submit, () => this.readback.read(), ([predicted], { first, count }) => {
      predictions.set((predicted as Uint32Array).subarray(0, count), first);
      onLaunch(first + count);
    });
    return predictions;
  }
}
