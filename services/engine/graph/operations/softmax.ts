import { requireAxis } from "../check.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { attributes, type GradientRule, type GradientRules, shapeOfInput } from "../tape.ts";

export type SoftmaxOperation =
  | { readonly op: "softmax"; readonly axis: number } // x
  | { readonly op: "logSoftmax"; readonly axis: number } // x
  // gradients
  | { readonly op: "softmaxGrad"; readonly axis: number } // dy, y
  | { readonly op: "logSoftmaxGrad"; readonly axis: number }; // dy, y

/** Stable: large numbers do not overflow. */
export function softmax(graph: GraphBuilder, op: "softmax" | "logSoftmax", x: Value, axis: number): Value {
  const shape = graph.shapeOf(x);
  requireAxis(op, shape, axis);
  return graph.push({ op, axis }, [x], shape);
}

const gradient = (op: "softmax" | "logSoftmax"): GradientRule => (tape, y, dy) => tape.push({ op: `${op}Grad`, axis: attributes<typeof op>(tape, y).axis }, [dy, y], shapeOfInput(tape, y, 0));

export const softmaxGradients = { softmax: [gradient("softmax")], logSoftmax: [gradient("logSoftmax")] } satisfies GradientRules;
