import { convGeometryOf } from "../../graph/geometry.ts";
import type { Shape } from "../../graph/graph.ts";
import type { ConvolutionOperation } from "../../graph/operations/convolution.ts";
import type { ConvGeometry } from "../../kernels/conv/geometry.ts";
import { convolutionReference } from "../../reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../../reference/conv/convolution-grad-weight.ts";
import { channelOf, sumPerChannel } from "../../reference/norm/channels.ts";
import { foldBatchNormReference } from "../../reference/norm/fold-batch-norm.ts";
import type { Context, Rules } from "../evaluate.ts";
import { as, nchw } from "./shapes.ts";

export const convolutionRules: Rules<ConvolutionOperation> = {
  conv2d: (context) => withBias(context, convolutionReference(context.inputs[0]!, context.inputs[1]!, conv(context, 0, 1))),
  convTranspose2d: (context) => withBias(context, transposed(context)),
  linear: (context) => withBias(context, convolutionReference(context.inputs[0]!, context.inputs[1]!, dense(context.inputNodes[0]!.shape, context.node.shape))),
  conv2dGradInput: transposed,
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
};

/** From the convolution's output, or its gradient, to the input's. */
function transposed({ node, inputs: [dy, w], inputNodes }: Context): Float64Array {
  return convolutionGradInputReference(dy!, w!, convGeometryOf(node.operation, node.shape, inputNodes[1]!.shape));
}

/** Σ dy over images and pixels: the gradient of a bias, and of a batch norm's beta. */
export function sumOfChannels({ inputs: [dy], inputNodes }: Context): Float64Array { return sumPerChannel(nchw(inputNodes[0]!.shape), (i) => dy![i]!); }

function withBias({ node, inputs: [, , bias] }: Context, y: Float64Array): Float64Array {
  return bias ? y.map((v, i) => v + bias[channelOf(i, nchw(node.shape))]!) : y;
}

function conv({ node, inputNodes }: Context, x: number, w: number): ConvGeometry { return convGeometryOf(node.operation, inputNodes[x]!.shape, inputNodes[w]!.shape); }

/** A linear layer in logical sizes: one pixel per image. @param x [n, f]. @param y [n, k]. */
function dense([n, f]: Shape, [, k]: Shape): ConvGeometry {
  return { n: n!, c: f!, h: 1, w: 1, k: k!, oh: 1, ow: 1, kh: 1, kw: 1, stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };
}

/** [rows, columns] → [columns, rows]. */
function transpose(matrix: Float64Array, rows: number): Float64Array {
  const columns = matrix.length / rows;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}
