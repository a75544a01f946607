import { requireRank, requireShape } from "../check.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { type GradientRules, inputOf, shapeOfInput } from "../tape.ts";

export type LossOperation =
  | { readonly op: "softmaxCrossEntropy" } // logits, labels → [n] nats
  | { readonly op: "selectLogit" } // logits, labels → [n]: the logit of the label
  // gradients
  | { readonly op: "seed"; readonly value: number } // constant [n]: what each image's value weighs in the total
  | { readonly op: "softmaxCrossEntropyGrad" } // logits, labels, dloss [n]
  | { readonly op: "selectLogitGrad" }; // labels, dy [n]

export function perImageLoss(graph: GraphBuilder, op: "softmaxCrossEntropy" | "selectLogit", logits: Value, labels: Value): Value {
  const [n] = requireRank(graph, op, logits, 2);
  requireShape(graph, op, labels, [n!]);
  return graph.push({ op }, [logits, labels], [n!]);
}

export const lossGradients = {
  softmaxCrossEntropy: [(tape, y, dy) => tape.push({ op: "softmaxCrossEntropyGrad" }, [...tape.node(y).inputs, dy], shapeOfInput(tape, y, 0))],
  selectLogit: [(tape, y, dy) => tape.push({ op: "selectLogitGrad" }, [inputOf(tape, y, 1), dy], shapeOfInput(tape, y, 0))],
} satisfies GradientRules;
