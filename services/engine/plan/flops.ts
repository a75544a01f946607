import type { Graph, Node } from "../graph/graph.ts";
import { elements } from "../gpu/tensor.ts";

/**
 * Multiply-adds of one node for the whole batch, in logical channels: convolutions, linear maps, matrix products and their gradients.
 * Everything else counts as nothing. A gradient costs what its forward operation does.
 */
export function nodeMacs(graph: Graph, { operation, inputs, shape }: Node): number {
  const shapeOf = (position: number): readonly number[] => graph.nodes[inputs[position]!]!.shape;
  const perOutput = (weight: readonly number[]): number => elements(weight.slice(1)); // products that one output sums
  switch (operation.op) {
    case "conv2d": case "linear": return elements(shape) * perOutput(shapeOf(1));
    case "convTranspose2d": case "conv2dGradInput": case "linearGradInput": return elements(shapeOf(0)) * perOutput(shapeOf(1));
    case "conv2dGradWeight": case "linearGradWeight": return elements(shapeOf(1)) * perOutput(shape);
    case "matMul": return elements(shape) * shapeOf(0).at(-1)!;
    case "matMulGradLeft": return elements(shapeOf(0)) * shape.at(-1)!;
    case "matMulGradRight": return elements(shapeOf(1)) * shape.at(-2)!;
    default: return 0;
  }
}

/**
 * Floating-point operations (2 per multiply-add) of a forward pass of one image. A convolution with frozen weights selects
 * channels: it stands for a copy, and counts as nothing.
 */
export function flopsOfImage(graph: Graph): number {
  const macs = graph.nodes.reduce((sum, node) => sum + (isForward(graph, node) ? nodeMacs(graph, node) : 0), 0);
  return (2 * macs) / graph.batch;
}

function isForward({ nodes }: Graph, { operation: { op }, inputs }: Node): boolean {
  return (op === "conv2d" || op === "convTranspose2d" || op === "linear" || op === "matMul") && nodes[inputs[1]!]!.operation.op !== "frozen";
}
