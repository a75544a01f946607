import type { Tensor } from "../../engine/gpu/tensor.ts";
import { subPixels } from "../data/dataset.ts";
import { type CompiledGradient, compileGradient } from "../models/compiled.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";

/** A compiled gradient with tensors of its own to read. */
export interface GradientPass extends CompiledGradient {
  readonly batch: number;
  /** [batch, m] f32 in [0, 1]; input. */
  readonly image: Tensor;
  /** [batch] u32; input. */
  readonly labels: Tensor;
}

/** Compiled once per network, batch size and value, and kept for the session. */
export function gradientPass(session: Session, network: Network, batch: number, of: "loss" | "logit"): Promise<GradientPass> {
  return session.cached(network, `gradient ${of} ${batch}`, async () => {
    const image = session.scope.tensor("image", [batch, subPixels(network.inputShape)]);
    const labels = session.scope.tensor("labels", [batch], "u32");
    return { batch, image, labels, ...compileGradient(session, network, of, image, labels) };
  });
}
