import { convGeometry } from "../../kernels/conv/geometry.ts";
import { extent, pair, type Pair, sides, type Sides } from "../../kernels/window.ts";
import { mismatch, requireRank, requireShape } from "../check.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { attributes, type GradientRule, type GradientRules, inputOf, shapeOfInput, type Tape } from "../tape.ts";

interface Geometry { readonly stride: Pair; readonly padding: Sides; readonly dilation: Pair; readonly groups: number }

export type ConvolutionOperation =
  | ({ readonly op: "conv2d" } & Geometry) // x, w [k, c/g, kh, kw], bias? [k]
  | ({ readonly op: "convTranspose2d" } & Geometry) // x, w [c, k/g, kh, kw], bias? [k]; attributes of the convolution that it transposes, from [n, k, oh, ow] to [n, c, h, w]
  | { readonly op: "linear" } // x [n, f], w [k, f], bias? [k]
  // derived parameters, made by fold.ts only: batch norm with its running statistics as part of the convolution before it
  | { readonly op: "foldWeight"; readonly epsilon: number; readonly groups: number } // w, gamma, runningVariance → w·gamma/√(variance + ε)
  | { readonly op: "foldBias"; readonly epsilon: number } // gamma, beta, runningMean, runningVariance, bias? → beta + (bias − mean)·gamma/√(variance + ε)
  // gradients
  | ({ readonly op: "conv2dGradInput" } & Geometry) // dy, w
  | ({ readonly op: "conv2dGradWeight" } & Geometry) // x, dy
  | { readonly op: "linearGradInput" } // dy, w
  | { readonly op: "linearGradWeight" } // x, dy
  | { readonly op: "biasGrad" }; // dy → [k]

/** Numbers stand for both axes or all four sides. */
export interface ConvolutionOptions {
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Default 0. */
  readonly padding?: number | Sides;
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Default 1; divides both numbers of channels. */
  readonly groups?: number;
}

export interface ConvTransposeOptions extends ConvolutionOptions {
  /** Rows and columns added at the bottom and right of the output, less than the stride or the dilation. Default 0. */
  readonly outputPadding?: number | Pair;
}

export function conv2d(graph: GraphBuilder, x: Value, w: Value, bias: Value | undefined, options: ConvolutionOptions): Value {
  const [n, c, h, wd] = requireRank(graph, "conv2d", x, 4) as [number, number, number, number];
  const [k, cg, kh, kw] = requireRank(graph, "conv2d weight", w, 4) as [number, number, number, number];
  const geometry = geometryOf(options);
  if (c !== cg * geometry.groups) throw mismatch("conv2d", `weight [k, ${c}/${geometry.groups}, kh, kw]`, graph.shapeOf(w));
  const { oh, ow } = convGeometry({ n, c, h, w: wd }, { k, kh, kw, ...geometry });
  if (bias !== undefined) requireShape(graph, "conv2d bias", bias, [k]);
  return graph.push({ op: "conv2d", ...geometry }, bias === undefined ? [x, w] : [x, w, bias], [n, k, oh, ow]);
}

/**
 * The gradient of a convolution of this stride, padding, dilation and groups with respect to its input, as a layer
 * (PyTorch's ConvTranspose2d): oh = (h − 1)·stride − top − bottom + (kh − 1)·dilation + 1 + outputPadding.
 */
export function convTranspose2d(graph: GraphBuilder, x: Value, w: Value, bias: Value | undefined, { outputPadding = 0, ...options }: ConvTransposeOptions): Value {
  const [n, c, h, wd] = requireRank(graph, "convTranspose2d", x, 4) as [number, number, number, number];
  const [cw, kg, kh, kw] = requireRank(graph, "convTranspose2d weight", w, 4) as [number, number, number, number];
  const { stride, padding, dilation, groups } = geometryOf(options);
  if (c !== cw) throw mismatch("convTranspose2d", `weight [${c}, k/${groups}, kh, kw]`, graph.shapeOf(w));
  const added = pair(outputPadding);
  if (added.some((v, i) => !Number.isInteger(v) || v < 0 || v >= Math.max(stride[i]!, dilation[i]!))) throw mismatch("convTranspose2d", "0 ≤ outputPadding < stride or dilation", outputPadding);
  if (!padding.every((side) => Number.isInteger(side) && side >= 0)) throw mismatch("convTranspose2d", "padding ≥ 0", padding);
  const [top, left, bottom, right] = padding;
  const geometry: Geometry = { stride, padding: [top, left, bottom - added[0], right - added[1]], dilation, groups };
  const oh = (h - 1) * stride[0] - top - bottom + extent(kh, dilation[0]) + added[0];
  const ow = (wd - 1) * stride[1] - left - right + extent(kw, dilation[1]) + added[1];
  if (oh < 1 || ow < 1) throw mismatch("convTranspose2d", "padding that leaves pixels of the output", [oh, ow]);
  convGeometry({ n, c: kg * groups, h: oh, w: ow }, { k: c, kh, kw, ...geometry });
  if (bias !== undefined) requireShape(graph, "convTranspose2d bias", bias, [kg * groups]);
  return graph.push({ op: "convTranspose2d", ...geometry }, bias === undefined ? [x, w] : [x, w, bias], [n, kg * groups, oh, ow]);
}

function geometryOf({ stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions): Geometry {
  return { stride: pair(stride), padding: sides(padding), dilation: pair(dilation), groups };
}

export function linear(graph: GraphBuilder, x: Value, w: Value, bias?: Value): Value {
  const [n, f] = requireRank(graph, "linear", x, 2) as [number, number];
  const [k, fw] = requireRank(graph, "linear weight", w, 2) as [number, number];
  if (f !== fw) throw mismatch("linear", `weight [k, ${f}]`, graph.shapeOf(w));
  if (bias !== undefined) requireShape(graph, "linear bias", bias, [k]);
  return graph.push({ op: "linear" }, bias === undefined ? [x, w] : [x, w, bias], [n, k]);
}

const biasGrad: GradientRule = (tape, y, dy) => tape.push({ op: "biasGrad" }, [dy], shapeOfInput(tape, y, 2));

function attributesOf(tape: Tape, y: Value): Geometry {
  const { stride, padding, dilation, groups } = attributes<"conv2d" | "convTranspose2d">(tape, y);
  return { stride, padding, dilation, groups };
}

/** Convolution, its transpose and linear map alike: [x, w, bias?]. The gradient of the transpose is the convolution itself. */
export const convolutionGradients = {
  conv2d: [
    (tape, y, dy) => tape.push({ op: "conv2dGradInput", ...attributesOf(tape, y) }, [dy, inputOf(tape, y, 1)], shapeOfInput(tape, y, 0)),
    (tape, y, dy) => tape.push({ op: "conv2dGradWeight", ...attributesOf(tape, y) }, [inputOf(tape, y, 0), dy], shapeOfInput(tape, y, 1)),
    biasGrad,
  ],
  convTranspose2d: [
    (tape, y, dy) => tape.push({ op: "conv2d", ...attributesOf(tape, y) }, [dy, inputOf(tape, y, 1)], shapeOfInput(tape, y, 0)),
    (tape, y, dy) => tape.push({ op: "conv2dGradWeight", ...attributesOf(tape, y) }, [dy, inputOf(tape, y, 0)], shapeOfInput(tape, y, 1)),
    biasGrad,
  ],
  linear: [
    (tape, y, dy) => tape.push({ op: "linearGradInput" }, [dy, inputOf(tape, y, 1)], shapeOfInput(tape, y, 0)),
    (tape, y, dy) => tape.push({ op: "linearGradWeight" }, [inputOf(tape, y, 0), dy], shapeOfInput(tape, y, 1)),
    biasGrad,
  ],
} satisfies GradientRules;
