import { type Graph, GraphBuilder, type Initialiser, type Value } from "../../engine/graph/graph.ts";
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

/** Convolution with PyTorch's names and default initialisation: <name>.weight and <name>.bias. */
export function conv(builder: GraphBuilder, name: string, x: Value, k: number, window: number, { stride = 1, padding = 0 } = {}): Value {
  const c = builder.shapeOf(x)[1]!;
  const fanIn = c * window * window;
  const weight = builder.parameter(`${name}.weight`, [k, c, window, window], { kind: "kaiming-uniform", fanIn });
  return builder.conv2d(x, weight, builder.parameter(`${name}.bias`, [k], { kind: "bias-uniform", fanIn }), { stride, padding });
}

/** Linear layer with PyTorch's names and, by default, its initialisation. */
export function dense(builder: GraphBuilder, name: string, x: Value, k: number, initialiser?: Initialiser): Value {
  const fanIn = builder.shapeOf(x)[1]!;
  const weight = builder.parameter(`${name}.weight`, [k, fanIn], initialiser ?? { kind: "kaiming-uniform", fanIn });
  return builder.linear(x, weight, builder.parameter(`${name}.bias`, [k], { kind: "bias-uniform", fanIn }));
}

/** Bias-free convolution that keeps the size (but for its stride), then batch norm: <convName>.weight, <normName>.{weight, bias, running_mean, running_var}. */
export function convNorm(builder: GraphBuilder, [convName, normName]: readonly [string, string], x: Value, k: number, window: number, { stride = 1, initialiser }: { stride?: number; initialiser?: (fanIn: number) => Initialiser } = {}): Value {
  const c = builder.shapeOf(x)[1]!;
  const fanIn = c * window * window;
  const weight = builder.parameter(`${convName}.weight`, [k, c, window, window], initialiser?.(fanIn) ?? { kind: "kaiming-uniform", fanIn });
  return builder.batchNorm(
    builder.conv2d(x, weight, undefined, { stride, padding: window >> 1 }),
    builder.parameter(`${normName}.weight`, [k], { kind: "constant", value: 1 }),
    builder.parameter(`${normName}.bias`, [k], { kind: "constant", value: 0 }),
    builder.state(`${normName}.running_mean`, [k], 0),
    builder.state(`${normName}.running_var`, [k], 1),
  );
}
