import type { Tensor } from "../../engine/gpu/tensor.ts";
import { differentiate } from "../../engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../engine/graph/fold.ts";
import type { Graph, Value } from "../../engine/graph/graph.ts";
import { compilePlan, measurePlan, type Plan, type PlanSize } from "../../engine/plan/compile.ts";
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

export interface CompiledGradient {
  readonly prologue: Plan["prologue"];
  readonly body: Plan["body"];
  /** [n, m]: with respect to the [0, 1] pixels, of each image by itself. */
  readonly gradient: Tensor;
}

/** What attributions explain, and its gradient. */
export interface CompiledLogit extends CompiledGradient {
  /** [n]: the label's logit. */
  readonly value: Tensor;
}

/** @param image [n, m] f32; n is the batch size. @throws EngineError OUT_OF_MEMORY. */
export function compileForward({ gpu, scope, workspace }: Session, network: Network, image: Tensor): CompiledForward {
  const { graph, logits } = foldedForward(network, image.shape[0]!);
  const { prologue, body, output } = compilePlan(gpu, scope, graph, network.parameters, { mode: "eval", image, keep: [logits], workspace });
  return { prologue, body, logits: output(logits) };
}

/** What compileForward would take, beside the image. */
export function measureForward({ gpu, scope }: Session, network: Network, image: Tensor): PlanSize {
  const { graph, logits } = foldedForward(network, image.shape[0]!);
  return measurePlan(gpu, scope, graph, network.parameters, { mode: "eval", image, keep: [logits] });
}

function foldedForward(network: Network, batch: number): { graph: Graph; logits: Value } {
  const built = forwardGraph(network.architecture, network, batch);
  const { graph, values } = foldBatchNorm(built.graph);
  return { graph, logits: values.get(built.logits)! };
}

/**
 * The gradient of the cross-entropy, which attacks climb. The loss itself is not computed: they need no value on their way.
 *
 * @param image  [n, m] f32.
 * @param labels [n] u32.
 * @throws EngineError OUT_OF_MEMORY.
 */
export function compileLossGradient(session: Session, network: Network, image: Tensor, labels: Tensor): CompiledGradient {
  const { graph, image: x, loss } = lossGraph(network.architecture, network, image.shape[0]!);
  return compileGradient(session, network, { graph, x, of: loss, keepValue: false }, image, labels);
}

/** What compileLossGradient would take, beside image and labels. */
export function measureLossGradient({ gpu, scope }: Session, network: Network, image: Tensor, labels: Tensor): PlanSize {
  const { graph: built, image: x, loss } = lossGraph(network.architecture, network, image.shape[0]!);
  const { graph, gradient } = differentiated({ graph: built, x, of: loss });
  return measurePlan(gpu, scope, graph, network.parameters, { mode: "eval", image, labels, keep: [gradient] });
}

/** The label's logit and its gradient. Parameters and errors as above. */
export function compileLogit(session: Session, network: Network, image: Tensor, labels: Tensor): CompiledLogit {
  const { graph, image: x, selected } = selectedLogitGraph(network.architecture, network, image.shape[0]!);
  const { value, ...compiled } = compileGradient(session, network, { graph, x, of: selected, keepValue: true }, image, labels);
  return { ...compiled, value: value! };
}

interface Differentiable { readonly graph: Graph; readonly x: Value; readonly of: Value }

/** The folded graph with the gradient of `of` with respect to x. */
function differentiated({ graph: built, x, of }: Differentiable): { graph: Graph; value: Value; gradient: Value } {
  const folded = foldBatchNorm(built);
  const [input, value] = [x, of].map((v) => folded.values.get(v)!) as [Value, Value];
  const { graph, gradients } = differentiate(folded.graph, value, [input], 1);
  return { graph, value, gradient: gradients.get(input)! };
}

function compileGradient({ gpu, scope, workspace }: Session, network: Network, { keepValue, ...built }: Differentiable & { readonly keepValue: boolean }, image: Tensor, labels: Tensor): CompiledGradient & { value?: Tensor } {
  const { graph, value, gradient } = differentiated(built);
  const { prologue, body, output } = compilePlan(gpu, scope, graph, network.parameters, { mode: "eval", image, labels, keep: [gradient, ...(keepValue ? [value] : [])], workspace });
  return { prologue, body, gradient: output(gradient), ...(keepValue && { value: output(value) }) };
}
