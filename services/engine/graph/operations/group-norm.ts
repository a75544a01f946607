import { elements } from "../../gpu/tensor.ts";
import type { GroupShape } from "../../kernels/norm/groups.ts";
import type { LocalResponseShape } from "../../kernels/norm/local-response.ts";
import { mismatch, requireAxis, requireShape } from "../check.ts";
import type { GraphBuilder, Shape, Value } from "../graph.ts";
import { attributes, type GradientRule, type GradientRules, inputOf, shapeOfInput } from "../tape.ts";

export interface LrnOptions {
  /** Channels of the window: ⌊(size − 1)/2⌋ below, ⌈(size − 1)/2⌉ above. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

/** Norms by the statistics of parts of each image: the same in training and evaluation, and no image knows of another. */
export type GroupedNorm =
  | { readonly op: "layerNorm"; readonly axis: number; readonly epsilon: number } // x, gamma?, beta?
  | { readonly op: "groupNorm"; readonly groups: number; readonly epsilon: number }; // x, gamma?, beta?

export type GroupNormOperation =
  | GroupedNorm
  | ({ readonly op: "lrn" } & LrnOptions) // x
  // gradients; `of` is the forward operation
  | { readonly op: "groupedNormGradInput"; readonly of: GroupedNorm } // dy, x, gamma?
  | { readonly op: "groupedNormGradGamma"; readonly of: GroupedNorm } // dy, x
  | { readonly op: "groupedNormGradBeta"; readonly of: GroupedNorm } // dy, x
  | ({ readonly op: "lrnGrad" } & LrnOptions); // dy, x

/** Over all axes from `axis` on; gamma and beta have the shape of those. Without gamma there is no beta. */
export function layerNorm(graph: GraphBuilder, x: Value, gamma: Value | undefined, beta: Value | undefined, axis: number, epsilon: number): Value {
  const shape = graph.shapeOf(x);
  requireAxis("layerNorm", shape, axis);
  return grouped(graph, { op: "layerNorm", axis, epsilon }, x, gamma, beta, shape.slice(axis));
}

/** x [n, c, …] in so many groups of neighbouring channels, over them and all axes after; gamma and beta [c]. With groups = c: instance norm. */
export function groupNorm(graph: GraphBuilder, x: Value, gamma: Value | undefined, beta: Value | undefined, groups: number, epsilon: number): Value {
  const [, c] = graph.shapeOf(x);
  if (c === undefined || !Number.isInteger(groups) || groups < 1 || c % groups !== 0) throw mismatch("groupNorm", `channels in ${groups} equal groups`, graph.shapeOf(x));
  return grouped(graph, { op: "groupNorm", groups, epsilon }, x, gamma, beta, [c]);
}

/** Local response normalisation across channels, of [n, c, …]; what ONNX's LRN computes. */
export function lrn(graph: GraphBuilder, x: Value, { size, alpha, beta, bias }: LrnOptions): Value {
  const shape = graph.shapeOf(x);
  if (shape.length < 2 || !Number.isInteger(size) || size < 1) throw mismatch("lrn", "channels and a window of at least one", { shape, size });
  if (!(alpha >= 0 && bias > 0 && Number.isFinite(beta))) throw mismatch("lrn", "alpha ≥ 0, bias > 0 and a finite beta", { alpha, beta, bias });
  return graph.push({ op: "lrn", size, alpha, beta, bias }, [x], shape);
}

function grouped(graph: GraphBuilder, operation: GroupedNorm, x: Value, gamma: Value | undefined, beta: Value | undefined, affine: Shape): Value {
  const { op, epsilon } = operation;
  if (!(epsilon > 0 && epsilon <= 1)) throw mismatch(op, "0 < epsilon ≤ 1", epsilon);
  if (gamma === undefined && beta !== undefined) throw mismatch(op, "gamma with beta", "beta alone");
  const operands = [gamma, beta].filter((operand) => operand !== undefined);
  for (const operand of operands) requireShape(graph, op, operand, affine);
  return graph.push(operation, [x, ...operands], graph.shapeOf(x));
}

/** The groups that a norm of x is over. */
export function groupsOf(norm: GroupedNorm, x: Shape): GroupShape {
  if (norm.op === "layerNorm") {
    const size = elements(x.slice(norm.axis));
    return { groups: elements(x.slice(0, norm.axis)), size, channels: size, inner: 1 };
  }
  const [n, c, ...rest] = x as [number, number, ...number[]];
  const inner = elements(rest);
  return { groups: n * norm.groups, size: (c / norm.groups) * inner, channels: c, inner };
}

export function localResponseOf({ size, alpha, beta, bias }: LrnOptions, [n, channels, ...rest]: Shape): LocalResponseShape {
  return { n: n!, channels: channels!, inner: elements(rest), size, alpha, beta, bias };
}

const gradInput: GradientRule = (tape, y, dy) => {
  const [x, gamma] = tape.node(y).inputs;
  return tape.push({ op: "groupedNormGradInput", of: attributes<GroupedNorm["op"]>(tape, y) }, gamma === undefined ? [dy, x!] : [dy, x!, gamma], shapeOfInput(tape, y, 0));
};
const gradGamma: GradientRule = (tape, y, dy) => tape.push({ op: "groupedNormGradGamma", of: attributes<GroupedNorm["op"]>(tape, y) }, [dy, inputOf(tape, y, 0)], shapeOfInput(tape, y, 1));
const gradBeta: GradientRule = (tape, y, dy) => tape.push({ op: "groupedNormGradBeta", of: attributes<GroupedNorm["op"]>(tape, y) }, [dy, inputOf(tape, y, 0)], shapeOfInput(tape, y, 2));

export const groupNormGradients = {
  layerNorm: [gradInput, gradGamma, gradBeta],
  groupNorm: [gradInput, gradGamma, gradBeta],
  lrn: [(tape, y, dy) => tape.push({ ...attributes<"lrn">(tape, y), op: "lrnGrad" }, [dy, inputOf(tape, y, 0)], shapeOfInput(tape, y, 0))],
} satisfies GradientRules;
