import { productGeometry } from "../graph/geometry.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { layoutsOf } from "../graph/inference.ts";
import type { ConvGeometry } from "../kernels/conv/geometry.ts";
import type { ConvOperation } from "../kernels/conv/variants.ts";

/** One product of a convolution or linear layer. */
export interface Work {
  readonly operation: ConvOperation;
  readonly geometry: ConvGeometry;
}

/**
 * The products of a network's convolutions, their transposes and linear layers, in order: forward, the gradient of the input (attacks and
 * attributions need the first layer's too) and, for training, that of each trained weight.
 *
 * @param graph a forward graph; of which batch does not matter.
 */
export function workOf(graph: Graph, { training }: { readonly training: boolean }): Work[] {
  const layouts = layoutsOf(graph);
  return graph.nodes.flatMap(({ operation: { op }, inputs }, value) => {
    if (op !== "conv2d" && op !== "convTranspose2d" && op !== "linear") return [];
    const transposed = op === "convTranspose2d"; // its forward product is the convolution's gradient, and the other way round
    const geometry = productGeometry(graph, layouts, value as Value, transposed ? (value as Value) : inputs[0]!, inputs[1]!);
    const learns = training && graph.nodes[inputs[1]!]!.operation.op === "parameter";
    const operations: ConvOperation[] = [...(transposed ? ["grad-input", "forward"] as const : ["forward", "grad-input"] as const), ...(learns ? ["grad-weight" as const] : [])];
    return operations.map((operation) => ({ operation, geometry }));
  });
}
