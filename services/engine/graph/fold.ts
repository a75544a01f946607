import type { Graph, OperationOf, Value } from "./graph.ts";
import { Rewriter, type Rewritten, useCounts } from "./rewrite.ts";

/**
 * For evaluation only: every batch norm that alone reads a convolution becomes part of it. The convolution then has
 * derived weights, which depend on parameters and running statistics only and are computed once per change of those.
 *
 *   bn(conv(x, w) + b) = conv(x, w·s) + (beta + (b − mean)·s),   s = gamma / √(variance + ε)
 *
 * Fold before differentiating: the gradient of a folded convolution is that of any other. The result has no gradient
 * with respect to parameters, and training with it would freeze the batch's statistics. A batch norm that reads anything
 * else stays. The convolution's own value before the batch norm is not in `values`.
 */
export function foldBatchNorm(graph: Graph): Rewritten {
  const uses = useCounts(graph);
  const norms = new Map<Value, Value>(); // batch norm → the convolution that it alone reads
  graph.nodes.forEach(({ operation, inputs }, i) => {
    const x = inputs[0];
    if (operation.op === "batchNorm" && graph.nodes[x!]!.operation.op === "conv2d" && uses[x!] === 1) norms.set(i as Value, x!);
  });
  const folded = new Set(norms.values());
  const rewriter = new Rewriter(graph);
  graph.nodes.forEach((_, i) => {
    const value = i as Value;
    if (folded.has(value)) return;
    const conv = norms.get(value);
    if (conv === undefined) rewriter.copy(value);
    else foldOne(rewriter, value, conv);
  });
  return rewriter.finish();
}

function foldOne(rewriter: Rewriter, norm: Value, conv: Value): void {
  const { nodes } = rewriter.source;
  const { epsilon } = nodes[norm]!.operation as OperationOf<"batchNorm">;
  const convolution = nodes[conv]!.operation as OperationOf<"conv2d">;
  const [x, w, bias] = nodes[conv]!.inputs.map((input) => rewriter.renamed(input));
  const [, gamma, beta, mean, variance] = nodes[norm]!.inputs.map((input) => (input === conv ? input : rewriter.renamed(input)));
  const weight = rewriter.push({ op: "foldWeight", epsilon, groups: convolution.groups }, [w!, gamma!, variance!], nodes[nodes[conv]!.inputs[1]!]!.shape);
  const shift = rewriter.push({ op: "foldBias", epsilon }, [gamma!, beta!, mean!, variance!, ...(bias === undefined ? [] : [bias])], nodes[nodes[norm]!.inputs[2]!]!.shape);
  rewriter.replace(norm, convolution, [x!, weight, shift], nodes[norm]!.shape);
}
