import type { OperatorCounts } from "../../../schema/jobs/results.ts";
import { elements } from "../../engine/gpu/tensor.ts";
import type { Graph, Node } from "../../engine/graph/graph.ts";
import { flopsOfImage } from "../../engine/plan/flops.ts";

/** What a model's record says of its network. */
export interface NetworkSummary {
  /** Trained numbers, without running statistics. */
  readonly parameterCount: number;
  /** Of a forward pass of one image: 2 for each multiply-add of convolutions and matrix products. */
  readonly flops: number;
  readonly operators: OperatorCounts;
}

/** @param graph the forward pass, of any batch size. */
export function summarise(graph: Graph): NetworkSummary {
  const parameterCount = graph.nodes.reduce((sum, { operation, shape }) => sum + (operation.op === "parameter" ? elements(shape) : 0), 0);
  return { parameterCount, flops: flopsOfImage(graph), operators: operatorCounts(graph) };
}

/** The most frequent first, then by name; functions of one or two numbers by their own names. */
function operatorCounts({ nodes }: Graph): OperatorCounts {
  const counts = new Map<string, number>();
  for (const { operation, inputs } of nodes) {
    if (inputs.length > 0) counts.set(kindOf(operation), (counts.get(kindOf(operation)) ?? 0) + 1);
  }
  return [...counts].map(([operator, count]) => ({ operator, count })).sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

function kindOf(operation: Node["operation"]): string {
  switch (operation.op) {
    case "unary": return operation.fn.name;
    case "binary": return operation.fn;
    case "reduce": return `reduce${operation.fn[0]!.toUpperCase()}${operation.fn.slice(1)}`;
    default: return operation.op;
  }
}
