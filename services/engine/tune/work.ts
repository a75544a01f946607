import { productGeometry } from "../graph/geometry.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { layoutsOf } from "../graph/physical.ts";
import type { ConvGeometry } from "../kernels/conv/geometry.ts";
import type { ConvOperation } from "../kernels/conv/variants.ts";

/** One product of a convolution or linear layer. */
export interface Work {
  readonly operation: ConvOperation;
  readonly geometry: ConvGeometry;
}

/**
 * The products of a network's convolutions and linear layers, in order: forward, the gradient of the input (attacks and
 * attributions need the first layer's too) and, for training, that of each trained weight.
 *
 * @param graph a forward graph; of which batch does not matter.
 */
export function workOf(graph: Graph, { training }: { readonly training: boolean }): Work[] {
  const layouts = layoutsOf(graph);
  return graph.nodes.flatMap(({ operation: { op }, inputs }, value) => {
    if (op !== "conv2d" && op !== "linear") return [];
    const geometry = productGeometry(graph, layouts, value as Value, inputs[0]!, inputs[1]!);
    const learns = training && graph.nodes[inputs[1]!]!.operation.op === "parameter";
    const operations: ConvOperation[] = ["forward", "grad-input", ...(learns ? ["grad-weight" as const] : [])];
    return operations.map((operation) => ({ operation, geometry }));
  });
}
