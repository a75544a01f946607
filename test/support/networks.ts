import { type Graph, GraphBuilder, type Mode, type Value } from "../../services/engine/graph/graph.ts";
import type { ConvolutionOptions, ConvTransposeOptions } from "../../services/engine/graph/operations/convolution.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import { uniform } from "./random.ts";

/** A small network that ends in a value per image. */
export interface SmallNetwork {
  readonly title: string;
  readonly graph: Graph;
  readonly image: Value;
  readonly logits: Value;
  readonly of: Value;
  readonly modes: readonly Mode[];
}

export interface Leaves {
  readonly image: Float64Array;
  readonly labels: Uint32Array;
  readonly parameters: Map<string, Float64Array>;
  readonly states: Map<string, Float64Array>;
}

/** Shorthand for building networks whose initial values do not matter: tests fill the leaves from a seed. */
export class Sketch {
  readonly builder: GraphBuilder;
  #names = 0;
  constructor(batch: number) { this.builder = new GraphBuilder(batch); }

  weight(...shape: number[]): Value { return this.builder.parameter(`p${this.#names++}`, shape, { kind: "constant", value: 0 }); }
  conv(x: Value, k: number, size: number | readonly [number, number], { bias = false, groups = 1, ...options }: ConvolutionOptions & { readonly bias?: boolean } = {}): Value {
    const [kh, kw] = typeof size === "number" ? [size, size] : size;
    return this.builder.conv2d(x, this.weight(k, this.builder.shapeOf(x)[1]! / groups, kh, kw), bias ? this.weight(k) : undefined, { groups, ...options });
  }
  /** @param k output channels. */
  convTranspose(x: Value, k: number, size: number | readonly [number, number], { bias = false, groups = 1, ...options }: ConvTransposeOptions & { readonly bias?: boolean } = {}): Value {
    const [kh, kw] = typeof size === "number" ? [size, size] : size;
    return this.builder.convTranspose2d(x, this.weight(this.builder.shapeOf(x)[1]!, k / groups, kh, kw), bias ? this.weight(k) : undefined, { groups, ...options });
  }
  linear(x: Value, k: number, bias = true): Value { return this.builder.linear(x, this.weight(k, this.builder.shapeOf(x)[1]!), bias ? this.weight(k) : undefined); }
  norm(x: Value, epsilon = 1e-5): Value {
    const c = this.builder.shapeOf(x)[1]!;
    const i = this.#names;
    return this.builder.batchNorm(x, this.weight(c), this.weight(c), this.builder.state(`mean${i}`, [c], 0), this.builder.state(`variance${i}`, [c], 1), { epsilon });
  }
}

interface Body { (sketch: Sketch, x: Value): Value }

export interface NetworkOptions {
  /** "meanSquare" is put together of general operators and reads no labels. */
  readonly loss?: "softmaxCrossEntropy" | "selectLogit" | "meanSquare";
  readonly modes?: readonly Mode[];
  /** Default true; else the body reads the image itself. */
  readonly normalised?: boolean;
}

/** Image [n, c, h, w] → normalise → body → [n, f] (where it is not flat) → linear to three classes → loss. */
export function network(title: string, [n, c, h, w]: readonly [number, number, number, number], body: Body, { loss = "softmaxCrossEntropy", modes = ["eval"], normalised = true }: NetworkOptions = {}): SmallNetwork {
  const sketch = new Sketch(n);
  const { builder } = sketch;
  const image = builder.image(c, h, w);
  const channels = Array.from({ length: c }, (_, i) => i);
  const y = body(sketch, normalised ? builder.normalise(image, channels.map((i) => 0.4 + 0.05 * i), channels.map((i) => 0.3 - 0.04 * i)) : image);
  const logits = sketch.linear(builder.reshape(y, [n, elements(builder.shapeOf(y)) / n]), 3);
  const of = loss === "meanSquare" ? builder.reduce("mean", builder.unary({ name: "pow", exponent: 2 }, logits), [1], false) : builder[loss](logits, builder.labels());
  return { title, graph: builder.graph, image, logits, of, modes };
}

const both: readonly Mode[] = ["train", "eval"];

/** Every operator, odd sizes, 1 to 6 channels. */
export const smallNetworks: readonly SmallNetwork[] = [
  network("linear layers on one channel", [3, 1, 3, 5], ({ builder }, x) => builder.flatten(x)),
  network("the logit of the label", [2, 3, 3, 2], (s, x) => s.linear(s.builder.relu(s.linear(s.builder.flatten(x), 5)), 6, false), { loss: "selectLogit" }),
  network("a strided, padded convolution with bias", [2, 3, 7, 5], (s, x) => s.conv(x, 5, 3, { stride: 2, padding: 1, bias: true })),
  network("a 1×1 convolution of stride 2 and a window that is not square", [2, 1, 6, 7], (s, x) => s.conv(s.conv(x, 4, 1, { stride: 2 }), 2, [2, 3])),
  network("grouped and depthwise convolutions", [2, 3, 5, 5], (s, x) => s.conv(s.conv(s.conv(x, 6, 1), 6, 3, { groups: 6, padding: 1, bias: true }), 4, 3, { groups: 2, stride: 2 })),
  network("batch norm after convolutions with and without bias", [3, 3, 4, 4], (s, x) => s.norm(s.conv(s.builder.relu(s.norm(s.conv(x, 5, 3, { padding: 1 }))), 4, 1, { bias: true }), 1e-3), { modes: both }),
  network("batch norm that no convolution precedes", [3, 3, 4, 3], (s, x) => s.norm(s.builder.maxPool(s.norm(x), { window: 2, stride: 1 })), { modes: both }),
  network("residual additions", [2, 3, 4, 4], (s, x) => {
    const { builder: b } = s;
    const y = b.relu(s.conv(x, 4, 3, { padding: 1, bias: true }));
    const z = b.relu(b.add(s.conv(b.relu(s.conv(y, 4, 3, { padding: 1 })), 4, 3, { padding: 1 }), y)); // identity shortcut
    return b.relu(b.add(s.conv(z, 6, 3, { stride: 2, padding: 1 }), s.conv(z, 6, 1, { stride: 2 }))); // projection shortcut
  }),
  network("a projection shortcut with batch norms on both sides", [3, 3, 4, 4], (s, x) => {
    const y = s.builder.relu(s.conv(x, 4, 3, { padding: 1 }));
    return s.builder.relu(s.builder.add(s.norm(s.conv(y, 6, 3, { stride: 2, padding: 1 })), s.norm(s.conv(y, 6, 1, { stride: 2 }))));
  }, { modes: both }),
  network("a value added to itself, and one used three times", [2, 2, 3, 3], ({ builder: b }, x) => { const y = b.relu(x); return b.add(b.add(y, y), b.add(b.relu(b.add(y, x)), x)); }),
  network("a weight used twice", [2, 3, 4, 4], (s, x) => { const y = s.conv(x, 3, 3, { padding: 1 }); return s.builder.conv2d(s.builder.relu(y), s.builder.graph.nodes[y]!.inputs[1]!, undefined, { padding: 1 }); }),
  network("a frozen convolution that selects pixels and channels", [2, 3, 5, 5], ({ builder }, x) => builder.conv2d(builder.relu(x), builder.frozen("select", [5, 3, 1, 1], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]), undefined, { stride: 2 })),
  network("maximum pooling, disjoint and overlapping", [2, 3, 7, 6], (s, x) => s.builder.maxPool(s.builder.maxPool(x, { window: 3, stride: 2, padding: 1 }), { window: 2, stride: 2 })),
  network("average pooling with and without the padding counted", [2, 2, 7, 5], ({ builder }, x) => builder.averagePool(builder.averagePool(x, { window: 3, stride: 2, padding: 1, countIncludePad: false }), { window: 2, stride: 1, padding: 1 })),
  network("global average pooling", [2, 3, 3, 4], (s, x) => s.builder.globalAveragePool(s.conv(x, 5, 1))),
  network("convolution, norm, ReLU, pooling, residual block, two linear layers", [3, 3, 6, 4], (s, x) => {
    const { builder: b } = s;
    const y = b.maxPool(b.relu(s.norm(s.conv(x, 5, 3, { padding: 1 }))), { window: 2 });
    const z = b.relu(b.add(s.norm(s.conv(b.relu(s.norm(s.conv(y, 5, 3, { padding: 1 }))), 5, 3, { padding: 1 })), y));
    return b.relu(s.linear(b.flatten(z), 7));
  }, { modes: both }),
];

/** Values for every leaf: weights in ±0.7, scales and variances in [0.5, 1.5], images in [0, 1], all representable in f32. */
export function leavesOf({ graph }: Pick<SmallNetwork, "graph">, seed: number): Leaves {
  const parameters = new Map<string, Float64Array>();
  const states = new Map<string, Float64Array>();
  graph.nodes.forEach(({ operation, shape }, i) => {
    if (operation.op === "parameter") parameters.set(operation.name, uniform(seed + i, elements(shape), 0.7));
    if (operation.op === "state") states.set(operation.name, uniform(seed + i, elements(shape), 0.5).map((v) => (operation.initial === 1 ? Math.fround(1 + v) : v)));
    // batch norm's scale must not be near 0, or its input hardly matters
    if (operation.op === "batchNorm") parameters.set(nameOf(graph, graph.nodes[i]!.inputs[1]!), uniform(seed + i, shape[1]!, 0.5).map((v) => Math.fround(1 + v)));
  });
  const image = graph.nodes.find(({ operation }) => operation.op === "image")!;
  return {
    image: uniform(seed, elements(image.shape), 0.5).map((v) => Math.fround(v + 0.5)),
    labels: Uint32Array.from({ length: graph.batch }, (_, i) => (i + seed) % 3),
    parameters, states,
  };
}

export function nameOf(graph: Graph, value: Value): string { return (graph.nodes[value]!.operation as { name: string }).name; }

/** The trained parameters' values. */
export function parametersOf(graph: Graph): Value[] {
  return graph.nodes.flatMap(({ operation }, i) => (operation.op === "parameter" ? [i as Value] : []));
}
