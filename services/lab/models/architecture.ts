import { type Graph, GraphBuilder, type Value } from "../../engine/graph/graph.ts";
import type { InputShape } from "../data/dataset.ts";

/** What an architecture is built for: the images it sees and the classes it tells apart. */
export interface ModelShape {
  readonly inputShape: InputShape;
  readonly classCount: number;
  /** Per channel, in [0, 1] units: normalisation is the first operator of every network. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A network by the operators it is made of; knows no weights. */
export interface Architecture {
  readonly title: string;
  /** Adds the network to the graph. `image` is [n, c, h, w] in [0, 1], `logits` [n, classCount]. */
  build(builder: GraphBuilder, shape: ModelShape): { image: Value; logits: Value };
}

export interface ForwardGraph { readonly graph: Graph; readonly image: Value; readonly logits: Value }
export interface LabelledGraph extends ForwardGraph { readonly labels: Value }
export interface LossGraph extends LabelledGraph { /** [n] cross-entropy in nats */ readonly loss: Value }

export function forwardGraph(architecture: Architecture, shape: ModelShape, batch: number): ForwardGraph {
  const builder = new GraphBuilder(batch);
  return { ...architecture.build(builder, shape), graph: builder.graph };
}

/** The network and the cross-entropy of each image. */
export function lossGraph(architecture: Architecture, shape: ModelShape, batch: number): LossGraph {
  const builder = new GraphBuilder(batch);
  const { image, logits } = architecture.build(builder, shape);
  const labels = builder.labels();
  const loss = builder.softmaxCrossEntropy(logits, labels);
  return { graph: builder.graph, image, logits, labels, loss };
}

/** The network and the logit of each image's label: what attributions differentiate. */
export function selectedLogitGraph(architecture: Architecture, shape: ModelShape, batch: number): LabelledGraph & { readonly selected: Value } {
  const builder = new GraphBuilder(batch);
  const { image, logits } = architecture.build(builder, shape);
  const labels = builder.labels();
  const selected = builder.selectLogit(logits, labels);
  return { graph: builder.graph, image, logits, labels, selected };
}
