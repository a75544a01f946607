import { differentiate } from "../../engine/graph/differentiate.ts";
import type { Graph, Value } from "../../engine/graph/graph.ts";
import type { Step } from "../../engine/gpu/kernel.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { compilePlan, measurePlan, type PlanSize } from "../../engine/plan/compile.ts";
import { lossGraph } from "../models/architecture.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";

/** Forward and backward pass of some rows of a batch, in training mode. */
export interface Update {
  readonly steps: readonly Step[];
  /** [rows] f32: cross-entropy of each. */
  readonly loss: Tensor;
}

/**
 * The rows' losses and, into `parameters.gradients`, the gradient of their sum divided by `batch`: of the batch mean, or what
 * these rows add to it.
 *
 * @param image [rows, m], labels [rows].
 */
export function compileUpdate({ gpu, scope, workspace }: Session, network: Network, image: Tensor, labels: Tensor, batch: number): Update {
  const { graph, loss, gradients } = updateGraph(network, image.shape[0]!, batch);
  const { prologue, body, output } = compilePlan(gpu, scope, graph, network.parameters, { mode: "train", image, labels, keep: [loss], gradientsInto: gradients, workspace });
  return { steps: [...prologue, ...body], loss: output(loss) };
}

/** What compileUpdate would take, beside image and labels. */
export function measureUpdate({ gpu, scope }: Session, network: Network, image: Tensor, labels: Tensor): PlanSize {
  const { graph, loss, gradients } = updateGraph(network, image.shape[0]!, image.shape[0]!);
  return measurePlan(gpu, scope, graph, network.parameters, { mode: "train", image, labels, keep: [loss], gradientsInto: gradients });
}

function updateGraph(network: Network, rows: number, batch: number): { graph: Graph; loss: Value; gradients: ReadonlyMap<Value, Value> } {
  const built = lossGraph(network.architecture, network, rows);
  const parameters = built.graph.nodes.flatMap(({ operation }, value) => (operation.op === "parameter" ? [value as Value] : []));
  return { loss: built.loss, ...differentiate(built.graph, built.loss, parameters, 1 / batch) };
}
