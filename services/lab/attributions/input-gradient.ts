import type { Tensor } from "../../engine/gpu/tensor.ts";
import { subPixels } from "../data/dataset.ts";
import { type CompiledGradient, type CompiledLogit, compileLogit, compileLossGradient } from "../models/compiled.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";

/** Tensors that a pass reads. */
interface PassInputs {
  readonly batch: number;
  /** [batch, m] f32 in [0, 1]; input. */
  readonly image: Tensor;
  /** [batch] u32; input. */
  readonly labels: Tensor;
}

/** Gradients with tensors of their own to read. */
export type LossPass = PassInputs & CompiledGradient;
export type LogitPass = PassInputs & CompiledLogit;

/** Compiled once per network and batch size, and kept for the session. */
export function lossPass(session: Session, network: Network, batch: number): Promise<LossPass> {
  return session.cached(network, `loss gradient ${batch}`, async () => {
    const inputs = passInputs(session, network, batch);
    return { ...inputs, ...compileLossGradient(session, network, inputs.image, inputs.labels) };
  });
}

/** Compiled once per network and batch size, and kept for the session. */
export function logitPass(session: Session, network: Network, batch: number): Promise<LogitPass> {
  return session.cached(network, `logit ${batch}`, async () => {
    const inputs = passInputs(session, network, batch);
    return { ...inputs, ...compileLogit(session, network, inputs.image, inputs.labels) };
  });
}

function passInputs({ scope }: Session, network: Network, batch: number): PassInputs {
  return { batch, image: scope.tensor("image", [batch, subPixels(network.inputShape)]), labels: scope.tensor("labels", [batch], "u32") };
}
