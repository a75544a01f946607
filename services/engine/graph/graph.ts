import { mismatch } from "./check.ts";
import { type ArithmeticFunction, binary, type BroadcastOperation, compare, type CompareFunction, prelu, reduce, type ReduceFunction, where } from "./operations/broadcast.ts";
import { conv2d, type ConvolutionOperation, type ConvolutionOptions, convTranspose2d, type ConvTransposeOptions, linear } from "./operations/convolution.ts";
import { add, type ElementwiseOperation, relu, unary, type UnaryFunction } from "./operations/elementwise.ts";
import { groupNorm, type GroupNormOperation, layerNorm, lrn, type LrnOptions } from "./operations/group-norm.ts";
import { type LossOperation, perImageLoss } from "./operations/loss.ts";
import { matMul, type MatMulOperation } from "./operations/matmul.ts";
import { batchNorm, type BatchNormOptions, type NormOperation, normalise } from "./operations/norm.ts";
import { averagePool, type AveragePoolOptions, globalAveragePool, maxPool, type MaxPoolOptions, type PoolOperation } from "./operations/pool.ts";
import { type AxisMap, axisMap, concat, expand, flatten, reshape, type ShapeOperation, transpose } from "./operations/shape.ts";
import { softmax, type SoftmaxOperation } from "./operations/softmax.ts";

/**
 * The one representation of a network: a list of nodes in topological order, in PyTorch's logical shapes. Built by the
 * architectures and importers of the lab, extended by differentiate.ts with gradient nodes, evaluated by
 * the f64 interpreter (cpu/evaluate.ts) and compiled for the GPU (plan/). Plain data; knows no device and no layout.
 *
 * Shapes: as in PyTorch and NumPy, of rank 1 to 6; what depends on the images has their count n first: [n, c, h, w], [n, f],
 * [n]. The batch size n is fixed: a graph is built once per batch size. All numbers are f32; truth values are 0 and 1.
 */
export type Shape = readonly number[];

/** Identity of a node inside its graph: its index. */
export type Value = number & { readonly __value: unique symbol };

export type Initialiser =
  | { readonly kind: "kaiming-uniform"; readonly fanIn: number } // PyTorch's default for conv and linear: U(±√(1/fanIn)) … gain √(1/3)
  | { readonly kind: "kaiming-normal"; readonly fanOut: number } // He et al. 2015, fan out, ReLU: N(0, √(2/fanOut))
  | { readonly kind: "bias-uniform"; readonly fanIn: number } // U(±1/√fanIn)
  | { readonly kind: "uniform"; readonly bound: number } // U(±bound)
  | { readonly kind: "normal"; readonly std: number } // N(0, std)
  | { readonly kind: "constant"; readonly value: number };

/** Operations whose values come from outside. */
export type LeafOperation =
  | { readonly op: "image" } // [n, c, h, w] in [0, 1]
  | { readonly op: "labels" } // [n] class indices
  | { readonly op: "parameter"; readonly name: string; readonly initialiser: Initialiser } // trained
  | { readonly op: "state"; readonly name: string; readonly initial: number } // running statistics: saved, not trained
  | { readonly op: "frozen"; readonly name: string; readonly values: readonly number[] }; // constants that belong to the architecture

/**
 * What a node computes, with its attributes: one union for each family of operations/, where a comment names the inputs.
 * Gradients are named after their forward operation and made by differentiate.ts only.
 */
export type Operation = LeafOperation | ConvolutionOperation | MatMulOperation | NormOperation | GroupNormOperation | ElementwiseOperation | BroadcastOperation | PoolOperation | ShapeOperation | SoftmaxOperation | LossOperation;

export type OperationOf<O extends Operation["op"]> = Extract<Operation, { op: O }>;

export type LeafOp = LeafOperation["op"];

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

/** Builds forward graphs, checking every shape where it is written. What its methods take and give is said in operations/. */
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
  /** A frozen tensor that needs no name: numbered by its place, so it must be made for every batch size alike. */
  constant(shape: Shape, values: readonly number[]): Value { return this.frozen(`constant ${this.#nodes.length}`, shape, values); }

  normalise(x: Value, mean: readonly number[], std: readonly number[]): Value { return normalise(this, x, mean, std); }
  conv2d(x: Value, w: Value, bias: Value | undefined, options: ConvolutionOptions = {}): Value { return conv2d(this, x, w, bias, options); }
  convTranspose2d(x: Value, w: Value, bias: Value | undefined, options: ConvTransposeOptions = {}): Value { return convTranspose2d(this, x, w, bias, options); }
  linear(x: Value, w: Value, bias?: Value): Value { return linear(this, x, w, bias); }
  matMul(a: Value, b: Value): Value { return matMul(this, a, b); }
  batchNorm(x: Value, gamma: Value, beta: Value, runningMean: Value, runningVariance: Value, options: BatchNormOptions = {}): Value { return batchNorm(this, x, gamma, beta, runningMean, runningVariance, options); }
  layerNorm(x: Value, gamma: Value | undefined, beta: Value | undefined, axis: number, epsilon = 1e-5): Value { return layerNorm(this, x, gamma, beta, axis, epsilon); }
  groupNorm(x: Value, gamma: Value | undefined, beta: Value | undefined, groups: number, epsilon = 1e-5): Value { return groupNorm(this, x, gamma, beta, groups, epsilon); }
  lrn(x: Value, options: LrnOptions): Value { return lrn(this, x, options); }

  relu(x: Value): Value { return relu(this, x); }
  add(a: Value, b: Value): Value { return add(this, a, b); }
  unary(fn: UnaryFunction, x: Value): Value { return unary(this, fn, x); }
  binary(fn: ArithmeticFunction, a: Value, b: Value): Value { return binary(this, fn, a, b); }
  compare(fn: CompareFunction, a: Value, b: Value): Value { return compare(this, fn, a, b); }
  where(condition: Value, a: Value, b: Value): Value { return where(this, condition, a, b); }
  prelu(x: Value, slope: Value): Value { return prelu(this, x, slope); }
  reduce(fn: ReduceFunction, x: Value, axes: readonly number[], keepDims: boolean): Value { return reduce(this, fn, x, axes, keepDims); }

  maxPool(x: Value, options: MaxPoolOptions): Value { return maxPool(this, x, options); }
  averagePool(x: Value, options: AveragePoolOptions): Value { return averagePool(this, x, options); }
  globalAveragePool(x: Value): Value { return globalAveragePool(this, x); }

  flatten(x: Value): Value { return flatten(this, x); }
  reshape(x: Value, shape: Shape): Value { return reshape(this, x, shape); }
  transpose(x: Value, permutation: readonly number[]): Value { return transpose(this, x, permutation); }
  expand(x: Value, shape: Shape): Value { return expand(this, x, shape); }
  concat(xs: readonly Value[], axis: number): Value { return concat(this, xs, axis); }
  axisMap(x: Value, axis: number, map: AxisMap): Value { return axisMap(this, x, axis, map); }

  softmax(x: Value, axis: number): Value { return softmax(this, "softmax", x, axis); }
  logSoftmax(x: Value, axis: number): Value { return softmax(this, "logSoftmax", x, axis); }
  softmaxCrossEntropy(logits: Value, labels: Value): Value { return perImageLoss(this, "softmaxCrossEntropy", logits, labels); }
  selectLogit(logits: Value, labels: Value): Value { return perImageLoss(this, "selectLogit", logits, labels); }

  /** Appends a node without checks: for differentiate.ts, whose shapes follow from the forward nodes. */
  push(operation: Operation, inputs: readonly Value[], shape: Shape): Value {
    return (this.#nodes.push({ operation, inputs, shape }) - 1) as Value;
  }

  #named(name: string, operation: Operation, shape: Shape): Value {
    if (this.#names.has(name)) throw mismatch("graph", "distinct names of parameters and states", name);
    this.#names.add(name);
    return this.push(operation, [], shape);
  }
}
