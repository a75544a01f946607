import type { Tensor } from "../../engine/gpu/tensor.ts";
import { differentiate } from "../../engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../engine/graph/fold.ts";
import type { Value } from "../../engine/graph/graph.ts";
import { compilePlan, type Plan } from "../../engine/plan/compile.ts";
import { Workspace } from "../../engine/plan/workspace.ts";
import type { Session } from "../session.ts";
import { forwardGraph, lossGraph, selectedLogitGraph } from "./architecture.ts";
import type { Network } from "./network.ts";

/**
 * A network made ready to run in evaluation mode (batch norm folded), on images that the caller owns. Run `prologue` once
 * after every change of the weights, then `body` for every batch.
 */
export interface CompiledForward {
  readonly prologue: Plan["prologue"];
  readonly body: Plan["body"];
  /** [n, pad4(classCount)] */
  readonly logits: Tensor;
}

export interface CompiledGradient extends CompiledForward {
  /** [n]: what was differentiated. */
  readonly value: Tensor;
  /** [n, m]: its gradient with respect to the [0, 1] pixels, of each image by itself. */
  readonly gradient: Tensor;
}

/** @param image [n, m] f32; n is the batch size. @throws EngineError OUT_OF_MEMORY. */
export function compileForward({ gpu, scope }: Session, network: Network, image: Tensor): CompiledForward {
  const { graph, logits } = forwardGraph(network.architecture, network, image.shape[0]!);
  const folded = foldBatchNorm(graph);
  const kept = folded.values.get(logits)!;
  const { prologue, body, output } = compilePlan(gpu, scope, folded.graph, network.parameters, { mode: "eval", image, keep: [kept] });
  return { prologue, body, logits: output(kept) };
}

/**
 * @param of     "loss": cross-entropy, what attacks climb; "logit": the label's logit, what attributions explain.
 * @param image  [n, m] f32.
 * @param labels [n] u32.
 * @param workspace shared with plans that run before or after; default: memory of its own.
 * @throws EngineError OUT_OF_MEMORY.
 */
export function compileGradient({ gpu, scope }: Session, network: Network, of: "loss" | "logit", image: Tensor, labels: Tensor, workspace = new Workspace(scope)): CompiledGradient {
  const built = labelled(network, of, image.shape[0]!);
  const folded = foldBatchNorm(built.graph);
  const [x, logits, value] = [built.image, built.logits, built.value].map((v) => folded.values.get(v)!) as [Value, Value, Value];
  const { graph, gradients } = differentiate(folded.graph, value, [x], 1);
  const gradient = gradients.get(x)!;
  const { prologue, body, output } = compilePlan(gpu, scope, graph, network.parameters, { mode: "eval", image, labels, keep: [logits, value, gradient], workspace });
  return { prologue, body, logits: output(logits), value: output(value), gradient: output(gradient) };
}

function labelled(network: Network, of: "loss" | "logit", batch: number): { graph: ReturnType<typeof forwardGraph>["graph"]; image: Value; logits: Value; value: Value } {
  if (of === "loss") {
    const { loss, ...rest } = lossGraph(network.architecture, network, batch);
    return { ...rest, value: loss };
  }
  const { selected, ...rest } = selectedLogitGraph(network.architecture, network, batch);
  return { ...rest, value: selected };
}
