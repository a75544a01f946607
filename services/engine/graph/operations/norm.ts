import { mismatch, requireRank, requireShape } from "../check.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { attributes, type GradientRules, shapeOfInput } from "../tape.ts";

export type NormOperation =
  | { readonly op: "normalise"; readonly mean: readonly number[]; readonly std: readonly number[] } // image
  | { readonly op: "batchNorm"; readonly epsilon: number; readonly momentum: number } // x, gamma, beta, runningMean, runningVariance
  // gradients
  | { readonly op: "normaliseGrad"; readonly std: readonly number[] } // dy
  | { readonly op: "batchNormGradInput"; readonly epsilon: number } // dy, x, gamma, runningMean, runningVariance
  | { readonly op: "batchNormGradGamma"; readonly epsilon: number } // dy, x, runningMean, runningVariance
  | { readonly op: "batchNormGradBeta" }; // dy

export interface BatchNormOptions { readonly epsilon?: number; readonly momentum?: number }

export function normalise(graph: GraphBuilder, x: Value, mean: readonly number[], std: readonly number[]): Value {
  const shape = requireRank(graph, "normalise", x, 4);
  if (mean.length !== shape[1] || std.length !== shape[1] || std.some((s) => !(s > 0))) throw mismatch("normalise", `${shape[1]} means and positive standard deviations`, `${mean.length} and ${std.length}`);
  return graph.push({ op: "normalise", mean, std }, [x], shape);
}

export function batchNorm(graph: GraphBuilder, x: Value, gamma: Value, beta: Value, runningMean: Value, runningVariance: Value, { epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions): Value {
  const shape = requireRank(graph, "batchNorm", x, 4);
  for (const vector of [gamma, beta, runningMean, runningVariance]) requireShape(graph, "batchNorm", vector, [shape[1]!]);
  return graph.push({ op: "batchNorm", epsilon, momentum }, [x, gamma, beta, runningMean, runningVariance], shape);
}

export const normGradients = {
  normalise: [(tape, y, dy) => tape.push({ op: "normaliseGrad", std: attributes<"normalise">(tape, y).std }, [dy], shapeOfInput(tape, y, 0))],
  // [x, gamma, beta]; running statistics have no gradient.
  batchNorm: [
    (tape, y, dy) => {
      const [x, gamma, , mean, variance] = tape.node(y).inputs;
      return tape.push({ op: "batchNormGradInput", epsilon: attributes<"batchNorm">(tape, y).epsilon }, [dy, x!, gamma!, mean!, variance!], shapeOfInput(tape, y, 0));
    },
    (tape, y, dy) => {
      const [x, , , mean, variance] = tape.node(y).inputs;
      return tape.push({ op: "batchNormGradGamma", epsilon: attributes<"batchNorm">(tape, y).epsilon }, [dy, x!, mean!, variance!], shapeOfInput(tape, y, 1));
    },
    (tape, y, dy) => tape.push({ op: "batchNormGradBeta" }, [dy], shapeOfInput(tape, y, 2)),
  ],
} satisfies GradientRules;
