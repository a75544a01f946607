import { EngineError } from "../errors.ts";

/**
 * The one representation of a network: a list of nodes in topological order, in PyTorch's logical shapes. Built by the
 * architectures of the lab (and, later, by importers), extended by differentiate.ts with gradient nodes, evaluated by
 * the f64 interpreter (cpu/evaluate.ts) and compiled for the GPU (plan/). Plain data; knows no device and no layout.
 *
 * Shapes: activations [n, c, h, w], features [n, f], per-image values [n], parameters as in PyTorch. The batch size n is
 * fixed: a graph is built once per batch size.
 */
export type Shape = readonly number[];

/** Identity of a node inside its graph: its index. */
export type Value = number & { readonly __value: unique symbol };

export type Initialiser =
  | { readonly kind: "kaiming-uniform"; readonly fanIn: number } // PyTorch's default for conv and linear: U(±√(1/fanIn)) … gain √(1/3)
  | { readonly kind: "kaiming-normal"; readonly fanOut: number } // He et al. 2015, fan out, ReLU: N(0, √(2/fanOut))
  | { readonly kind: "bias-uniform"; readonly fanIn: number } // U(±1/√fanIn)
  | { readonly kind: "constant"; readonly value: number };

/** What a node computes, with its attributes. `inputs` of the node are named in the comment. */
export type Operation =
  // leaves
  | { readonly op: "image" } // [n, c, h, w] in [0, 1]; dense NCHW on the device
  | { readonly op: "labels" } // [n] class indices
  | { readonly op: "parameter"; readonly name: string; readonly initialiser: Initialiser } // trained
  | { readonly op: "state"; readonly name: string; readonly initial: number } // running statistics: saved, not trained
  | { readonly op: "frozen"; readonly name: string; readonly values: readonly number[] } // constants that belong to the architecture
  // forward
  | { readonly op: "normalise"; readonly mean: readonly number[]; readonly std: readonly number[] } // image
  | { readonly op: "conv2d"; readonly stride: number; readonly padding: number; readonly groups: number } // x, w [k, c/g, kh, kw], bias? [k]
  | { readonly op: "linear" } // x [n, f], w [k, f], bias? [k]
  | { readonly op: "batchNorm"; readonly epsilon: number; readonly momentum: number } // x, gamma, beta, runningMean, runningVariance
  | { readonly op: "relu" } // x
  | { readonly op: "add" } // a, b
  | { readonly op: "maxPool"; readonly window: number; readonly stride: number; readonly padding: number } // x
  | { readonly op: "averagePool"; readonly window: number; readonly stride: number; readonly padding: number; readonly countIncludePad: boolean } // x
  | { readonly op: "globalAveragePool" } // x → [n, c, 1, 1]
  | { readonly op: "flatten" } // x → [n, c·h·w]
  | { readonly op: "softmaxCrossEntropy" } // logits, labels → [n] nats
  | { readonly op: "selectLogit" } // logits, labels → [n]: the logit of the label
  // derived parameters, made by fold.ts only: batch norm with its running statistics as part of the convolution before it
  | { readonly op: "foldWeight"; readonly epsilon: number; readonly groups: number } // w, gamma, runningVariance → w·gamma/√(variance + ε)
  | { readonly op: "foldBias"; readonly epsilon: number } // gamma, beta, runningMean, runningVariance, bias? → beta + (bias − mean)·gamma/√(variance + ε)
  // gradients, made by differentiate.ts only; named after the forward operation, inputs in the comment
  | { readonly op: "seed"; readonly value: number } // constant [n]: what each image's value weighs in the total
  | { readonly op: "normaliseGrad"; readonly std: readonly number[] } // dy
  | { readonly op: "conv2dGradInput"; readonly stride: number; readonly padding: number; readonly groups: number } // dy, w
  | { readonly op: "conv2dGradWeight"; readonly stride: number; readonly padding: number; readonly groups: number } // x, dy
  | { readonly op: "linearGradInput" } // dy, w
  | { readonly op: "linearGradWeight" } // x, dy
  | { readonly op: "biasGrad" } // dy → [k]
  | { readonly op: "batchNormGradInput"; readonly epsilon: number } // dy, x, gamma, runningMean, runningVariance
  | { readonly op: "batchNormGradGamma"; readonly epsilon: number } // dy, x, runningMean, runningVariance
  | { readonly op: "batchNormGradBeta" } // dy
  | { readonly op: "reluGrad" } // dy, y (the output of relu)
  | { readonly op: "maxPoolGrad"; readonly window: number; readonly stride: number; readonly padding: number } // dy, x, y
  | { readonly op: "averagePoolGrad"; readonly window: number; readonly stride: number; readonly padding: number; readonly countIncludePad: boolean } // dy
  | { readonly op: "globalAveragePoolGrad" } // dy
  | { readonly op: "unflatten" } // dy → the shape before flatten
  | { readonly op: "softmaxCrossEntropyGrad" } // logits, labels, dloss [n]
  | { readonly op: "selectLogitGrad" }; // labels, dy [n]

export type OperationOf<O extends Operation["op"]> = Extract<Operation, { op: O }>;

/** Operations whose values come from outside. All others are computed. */
export type LeafOp = "image" | "labels" | "parameter" | "state" | "frozen";

export interface Node {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly shape: Shape;
}

/** Batch norm uses the batch's statistics (and updates the running ones) in "train", the running ones in "eval". */
export type Mode = "train" | "eval";

export interface Graph {
  readonly nodes: readonly Node[];
  readonly batch: number;
}

/** Builds forward graphs, checking every shape where it is written. */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #names = new Set<string>();

  constructor(readonly batch: number) {
    if (!Number.isSafeInteger(batch) || batch < 1) throw mismatch("graph", "a positive batch size", batch);
  }

  get graph(): Graph { return { nodes: this.#nodes, batch: this.batch }; }
  shapeOf(value: Value): Shape { return this.#nodes[value]!.shape; }

  image(c: number, h: number, w: number): Value { return this.push({ op: "image" }, [], [this.batch, c, h, w]); }
  labels(): Value { return this.push({ op: "labels" }, [], [this.batch]); }
  parameter(name: string, shape: Shape, initialiser: Initialiser): Value { return this.#named(name, { op: "parameter", name, initialiser }, shape); }
  state(name: string, shape: Shape, initial: number): Value { return this.#named(name, { op: "state", name, initial }, shape); }
  frozen(name: string, shape: Shape, values: readonly number[]): Value { return this.#named(name, { op: "frozen", name, values }, shape); }

  normalise(x: Value, mean: readonly number[], std: readonly number[]): Value {
    const shape = this.#rank("normalise", x, 4);
    if (mean.length !== shape[1] || std.length !== shape[1] || std.some((s) => !(s > 0))) throw mismatch("normalise", `${shape[1]} means and positive standard deviations`, `${mean.length} and ${std.length}`);
    return this.push({ op: "normalise", mean, std }, [x], shape);
  }

  conv2d(x: Value, w: Value, bias: Value | undefined, { stride = 1, padding = 0, groups = 1 }: { stride?: number; padding?: number; groups?: number } = {}): Value {
    const [n, c, h, wd] = this.#rank("conv2d", x, 4) as [number, number, number, number];
    const [k, cg, kh, kw] = this.#rank("conv2d weight", w, 4) as [number, number, number, number];
    if (stride < 1 || padding < 0 || groups < 1) throw mismatch("conv2d", "stride ≥ 1, padding ≥ 0, groups ≥ 1", [stride, padding, groups]);
    if (c !== cg * groups || k % groups !== 0) throw mismatch("conv2d", `weight [k, ${c}/${groups}, kh, kw] with k divisible by ${groups}`, this.shapeOf(w));
    const oh = Math.floor((h + 2 * padding - kh) / stride) + 1;
    const ow = Math.floor((wd + 2 * padding - kw) / stride) + 1;
    if (oh < 1 || ow < 1) throw mismatch("conv2d", `an input of at least ${kh}×${kw} after padding ${padding}`, this.shapeOf(x));
    if (bias !== undefined) this.#expect("conv2d bias", bias, [k]);
    return this.push({ op: "conv2d", stride, padding, groups }, bias === undefined ? [x, w] : [x, w, bias], [n, k, oh, ow]);
  }

  linear(x: Value, w: Value, bias?: Value): Value {
    const [n, f] = this.#rank("linear", x, 2) as [number, number];
    const [k, fw] = this.#rank("linear weight", w, 2) as [number, number];
    if (f !== fw) throw mismatch("linear", `weight [k, ${f}]`, this.shapeOf(w));
    if (bias !== undefined) this.#expect("linear bias", bias, [k]);
    return this.push({ op: "linear" }, bias === undefined ? [x, w] : [x, w, bias], [n, k]);
  }

  batchNorm(x: Value, gamma: Value, beta: Value, runningMean: Value, runningVariance: Value, { epsilon = 1e-5, momentum = 0.1 } = {}): Value {
    const shape = this.#rank("batchNorm", x, 4);
    for (const vector of [gamma, beta, runningMean, runningVariance]) this.#expect("batchNorm", vector, [shape[1]!]);
    return this.push({ op: "batchNorm", epsilon, momentum }, [x, gamma, beta, runningMean, runningVariance], shape);
  }

  relu(x: Value): Value { return this.push({ op: "relu" }, [x], this.shapeOf(x)); }

  add(a: Value, b: Value): Value {
    this.#expect("add", b, this.shapeOf(a));
    return this.push({ op: "add" }, [a, b], this.shapeOf(a));
  }

  maxPool(x: Value, { window, stride = window, padding = 0 }: { window: number; stride?: number; padding?: number }): Value {
    return this.push({ op: "maxPool", window, stride, padding }, [x], this.#pooled("maxPool", x, window, stride, padding));
  }

  averagePool(x: Value, { window, stride = window, padding = 0, countIncludePad = true }: { window: number; stride?: number; padding?: number; countIncludePad?: boolean }): Value {
    return this.push({ op: "averagePool", window, stride, padding, countIncludePad }, [x], this.#pooled("averagePool", x, window, stride, padding));
  }

  globalAveragePool(x: Value): Value {
    const [n, c] = this.#rank("globalAveragePool", x, 4);
    return this.push({ op: "globalAveragePool" }, [x], [n!, c!, 1, 1]);
  }

  flatten(x: Value): Value {
    const [n, c, h, w] = this.#rank("flatten", x, 4);
    return this.push({ op: "flatten" }, [x], [n!, c! * h! * w!]);
  }

  softmaxCrossEntropy(logits: Value, labels: Value): Value { return this.#perImage({ op: "softmaxCrossEntropy" }, logits, labels); }
  selectLogit(logits: Value, labels: Value): Value { return this.#perImage({ op: "selectLogit" }, logits, labels); }

  /** Appends a node without checks: for differentiate.ts, whose shapes follow from the forward nodes. */
  push(operation: Operation, inputs: readonly Value[], shape: Shape): Value {
    return (this.#nodes.push({ operation, inputs, shape }) - 1) as Value;
  }

  #named(name: string, operation: Operation, shape: Shape): Value {
    if (this.#names.has(name)) throw mismatch("graph", "distinct names of parameters and states", name);
    this.#names.add(name);
    return this.push(operation, [], shape);
  }

  #perImage(operation: Operation, logits: Value, labels: Value): Value {
    const [n] = this.#rank(operation.op, logits, 2);
    this.#expect(operation.op, labels, [n!]);
    return this.push(operation, [logits, labels], [n!]);
  }

  #pooled(op: string, x: Value, window: number, stride: number, padding: number): Shape {
    const [n, c, h, w] = this.#rank(op, x, 4) as [number, number, number, number];
    if (window < 1 || stride < 1 || padding < 0 || padding * 2 > window) throw mismatch(op, "window ≥ 1, stride ≥ 1, 0 ≤ padding ≤ window/2", [window, stride, padding]);
    const oh = Math.floor((h + 2 * padding - window) / stride) + 1;
    const ow = Math.floor((w + 2 * padding - window) / stride) + 1;
    if (oh < 1 || ow < 1) throw mismatch(op, `an input of at least ${window}×${window} after padding ${padding}`, this.shapeOf(x));
    return [n, c, oh, ow];
  }

  #rank(op: string, value: Value, rank: number): Shape {
    const shape = this.#nodes[value]?.shape;
    if (shape?.length !== rank) throw mismatch(op, `a tensor of rank ${rank}`, shape);
    return shape;
  }

  #expect(op: string, value: Value, expected: Shape): void {
    const shape = this.#nodes[value]?.shape;
    if (shape?.length !== expected.length || shape.some((side, i) => side !== expected[i])) throw mismatch(op, `shape [${expected.join(", ")}]`, shape);
  }
}

function mismatch(op: string, expected: string, got: unknown): EngineError {
  return new EngineError("SHAPE_MISMATCH", `${op}: expected ${expected}, got ${JSON.stringify(got)}`, { op, expected, got });
}
