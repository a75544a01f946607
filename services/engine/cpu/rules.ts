import { convGeometryOf, poolGeometryOf } from "../graph/geometry.ts";
import type { LeafOp, Operation, OperationOf, Shape } from "../graph/graph.ts";
import { elements } from "../gpu/tensor.ts";
import type { ConvGeometry } from "../kernels/conv/geometry.ts";
import { convolutionReference } from "../reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../reference/conv/convolution-grad-weight.ts";
import { addReference } from "../reference/elementwise/add.ts";
import { reluReference } from "../reference/elementwise/relu.ts";
import { reluGradReference } from "../reference/elementwise/relu-grad.ts";
import { selectLogitReference } from "../reference/loss/select-logit.ts";
import { selectLogitGradReference } from "../reference/loss/select-logit-grad.ts";
import { softmaxCrossEntropyReference } from "../reference/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyGradReference } from "../reference/loss/softmax-cross-entropy-grad.ts";
import { batchApplyReference, type NormNchw } from "../reference/norm/batch-apply.ts";
import { batchGradApplyReference } from "../reference/norm/batch-grad-apply.ts";
import { batchGradEvalReference } from "../reference/norm/batch-grad-eval.ts";
import { batchGradSumsReference } from "../reference/norm/batch-grad-sums.ts";
import { batchStatisticsReference } from "../reference/norm/batch-statistics.ts";
import { channelOf, type Nchw, sumPerChannel } from "../reference/norm/channels.ts";
import { foldBatchNormReference } from "../reference/norm/fold-batch-norm.ts";
import { normaliseReference } from "../reference/norm/normalise.ts";
import { normaliseGradReference } from "../reference/norm/normalise-grad.ts";
import { runningUpdateReference } from "../reference/norm/running-update.ts";
import { averagePoolReference } from "../reference/pool/average-pool.ts";
import { averagePoolGradReference } from "../reference/pool/average-pool-grad.ts";
import { maxPoolReference } from "../reference/pool/max-pool.ts";
import { maxPoolGradReference } from "../reference/pool/max-pool-grad.ts";
import type { Context } from "./evaluate.ts";

type Evaluate = (context: Context) => Float64Array;

/** Every operation but the leaves and seeds, by its twin. Inputs as the comments of graph.ts name them. */
export const rules: Record<Exclude<Operation["op"], LeafOp | "seed">, Evaluate> = {
  normalise: ({ node, inputs: [x] }) => { const { mean, std } = as(node.operation, "normalise"); return normaliseReference(x!, Float64Array.from(mean), Float64Array.from(std), nchw(node.shape)); },
  normaliseGrad: ({ node, inputs: [dy] }) => normaliseGradReference(dy!, Float64Array.from(as(node.operation, "normaliseGrad").std), nchw(node.shape)),
  conv2d: (context) => withBias(context, convolutionReference(context.inputs[0]!, context.inputs[1]!, conv(context, 0, 1))),
  linear: (context) => withBias(context, convolutionReference(context.inputs[0]!, context.inputs[1]!, dense(context.inputNodes[0]!.shape, context.node.shape))),
  conv2dGradInput: (context) => convolutionGradInputReference(context.inputs[0]!, context.inputs[1]!, convGeometryOf(context.node.operation, context.node.shape, context.inputNodes[1]!.shape)),
  linearGradInput: ({ node, inputs: [dy, w], inputNodes }) => convolutionGradInputReference(dy!, w!, dense(node.shape, inputNodes[0]!.shape)),
  conv2dGradWeight: (context) => convolutionGradWeightReference(context.inputs[0]!, context.inputs[1]!, convGeometryOf(context.node.operation, context.inputNodes[0]!.shape, context.node.shape)),
  linearGradWeight: ({ inputs: [x, dy], inputNodes }) => convolutionGradWeightReference(x!, dy!, dense(inputNodes[0]!.shape, inputNodes[1]!.shape)),
  biasGrad: sumOfChannels,
  foldWeight: ({ node, inputs: [w, gamma, variance] }) => {
    const [k] = node.shape as [number];
    const zero = new Float64Array(k);
    const folded = foldBatchNormReference(transpose(w!, k), { gamma: gamma!, beta: zero, mean: zero, variance: variance! }, as(node.operation, "foldWeight").epsilon).wFolded;
    return transpose(folded, folded.length / k);
  },
  foldBias: ({ node, inputs: [gamma, beta, mean, variance, bias] }) => foldBatchNormReference(new Float64Array(gamma!.length), { gamma: gamma!, beta: beta!, mean: mean!, variance: variance!, ...(bias && { bias }) }, as(node.operation, "foldBias").epsilon).biasFolded,
  batchNorm,
  batchNormGradInput: ({ node, mode, inputs: [dy, x, gamma, runningMean, runningVariance] }) => {
    const shape = { ...nchw(node.shape), epsilon: as(node.operation, "batchNormGradInput").epsilon };
    if (mode === "eval") return batchGradEvalReference(dy!, runningVariance!, gamma!, shape);
    const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
    const { sumDy, sumDyXhat } = batchGradSumsReference(dy!, x!, mean, variance, shape);
    return batchGradApplyReference(dy!, x!, mean, variance, gamma!, sumDy, sumDyXhat, shape);
  },
  batchNormGradGamma: ({ node, mode, inputs: [dy, x, runningMean, runningVariance], inputNodes }) => {
    const shape = { ...nchw(inputNodes[0]!.shape), epsilon: as(node.operation, "batchNormGradGamma").epsilon };
    const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
    return batchGradSumsReference(dy!, x!, mean, variance, shape).sumDyXhat;
  },
  batchNormGradBeta: sumOfChannels,
  relu: ({ inputs: [x] }) => reluReference(x!),
  reluGrad: ({ inputs: [dy, y] }) => reluGradReference(dy!, y!),
  add: ({ inputs: [a, b] }) => addReference(a!, b!),
  maxPool: ({ node, inputs: [x], inputNodes }) => maxPoolReference(x!, poolGeometryOf(node.operation, inputNodes[0]!.shape)),
  averagePool: meanPool,
  globalAveragePool: meanPool,
  maxPoolGrad: ({ node, inputs: [dy, x] }) => maxPoolGradReference(x!, dy!, poolGeometryOf(node.operation, node.shape)),
  averagePoolGrad: meanPoolGrad,
  globalAveragePoolGrad: meanPoolGrad,
  flatten: ({ inputs: [x] }) => x!,
  unflatten: ({ inputs: [dy] }) => dy!,
  softmaxCrossEntropy: ({ inputs: [logits, labels], inputNodes }) => softmaxCrossEntropyReference(logits!, labels!, nk(inputNodes[0]!.shape)),
  selectLogit: ({ inputs: [logits, labels], inputNodes }) => selectLogitReference(logits!, labels!, nk(inputNodes[0]!.shape)),
  softmaxCrossEntropyGrad: ({ node, inputs: [logits, labels, dloss] }) => scaleRows(softmaxCrossEntropyGradReference(logits!, labels!, { ...nk(node.shape), scale: 1 }), dloss!),
  selectLogitGrad: ({ node, inputs: [labels, dy] }) => scaleRows(selectLogitGradReference(labels!, { ...nk(node.shape), scale: 1 }), dy!),
};

function batchNorm({ node, mode, inputs: [x, gamma, beta, runningMean, runningVariance], setState }: Context): Float64Array {
  const { epsilon, momentum } = as(node.operation, "batchNorm");
  const shape = { ...nchw(node.shape), epsilon };
  const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
  if (mode === "train") {
    const rows = shape.n * shape.h * shape.w;
    setState(3, runningUpdateReference(runningMean!, mean, momentum, 1));
    setState(4, runningUpdateReference(runningVariance!, variance, momentum, rows / (rows - 1)));
  }
  return batchApplyReference(x!, mean, variance, gamma!, beta!, shape);
}

function statistics(mode: Context["mode"], x: Float64Array, mean: Float64Array, variance: Float64Array, shape: NormNchw): { mean: Float64Array; variance: Float64Array } {
  return mode === "eval" ? { mean, variance } : batchStatisticsReference(x, shape);
}

function meanPool({ node, inputs: [x], inputNodes }: Context): Float64Array { return averagePoolReference(x!, poolGeometryOf(node.operation, inputNodes[0]!.shape)); }
function meanPoolGrad({ node, inputs: [dy] }: Context): Float64Array { return averagePoolGradReference(dy!, poolGeometryOf(node.operation, node.shape)); }
function sumOfChannels({ inputs: [dy], inputNodes }: Context): Float64Array { return sumPerChannel(nchw(inputNodes[0]!.shape), (i) => dy![i]!); }

function withBias({ node, inputs: [, , bias] }: Context, y: Float64Array): Float64Array {
  return bias ? y.map((v, i) => v + bias[channelOf(i, nchw(node.shape))]!) : y;
}

function conv({ node, inputNodes }: Context, x: number, w: number): ConvGeometry { return convGeometryOf(node.operation, inputNodes[x]!.shape, inputNodes[w]!.shape); }

/** A linear layer in logical sizes: one pixel per image. @param x [n, f]. @param y [n, k]. */
function dense([n, f]: Shape, [, k]: Shape): ConvGeometry {
  return { n: n!, c: f!, h: 1, w: 1, k: k!, oh: 1, ow: 1, kh: 1, kw: 1, stride: 1, padding: 0, groups: 1 };
}

function scaleRows(matrix: Float64Array, scale: Float64Array): Float64Array {
  const columns = matrix.length / scale.length;
  return matrix.map((v, i) => v * scale[Math.floor(i / columns)]!);
}

/** [rows, columns] → [columns, rows]. */
function transpose(matrix: Float64Array, rows: number): Float64Array {
  const columns = matrix.length / rows;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** Features are activations of one pixel. */
function nchw(shape: Shape): Nchw { return { n: shape[0]!, c: shape[1]!, h: shape[2] ?? 1, w: shape[3] ?? 1 }; }
function nk(shape: Shape): { n: number; k: number } { return { n: shape[0]!, k: elements(shape) / shape[0]! }; }

function as<O extends Operation["op"]>(operation: Operation, _: O): OperationOf<O> { return operation as OperationOf<O>; }
