import { EngineError } from "../errors.ts";
import type { Graph, Mode, Node, Operation, Value } from "../graph/graph.ts";
import { elements } from "../gpu/tensor.ts";
import { rules } from "./rules.ts";

/** What the leaves of a graph stand for; all in PyTorch's shapes. */
export interface Leaves {
  /** [n, c, h, w] in [0, 1]. */
  readonly image?: ArrayLike<number>;
  /** [n] class indices. */
  readonly labels?: ArrayLike<number>;
  readonly parameters: ReadonlyMap<string, Float64Array>;
  /** Running statistics before the evaluation. */
  readonly states?: ReadonlyMap<string, Float64Array>;
}

export interface Evaluation {
  /** Logical shape, flat. Not a copy. */
  of(value: Value): Float64Array;
  /** Running statistics afterwards: moved by every batch norm in train mode, as they were in eval mode. */
  readonly states: ReadonlyMap<string, Float64Array>;
}

/** What a rule sees: the node, its inputs' values and how to move running statistics. */
export interface Context {
  readonly node: Node;
  readonly inputs: readonly Float64Array[];
  readonly inputNodes: readonly Node[];
  readonly mode: Mode;
  setState(input: number, value: Float64Array): void;
}

/** How each operation of a family is computed. */
export type Rules<Family extends Operation> = Readonly<Record<Family["op"], (context: Context) => Float64Array>>;

/**
 * The truth: the whole graph in f64 on the twins of the kernels (reference/), node by node, nothing fused, everything
 * kept. For tests, and for sizes that a test can wait for.
 *
 * @throws EngineError SHAPE_MISMATCH when a leaf has no value, or one of the wrong size.
 */
export function evaluate(graph: Graph, leaves: Leaves, mode: Mode): Evaluation {
  const states = new Map(leaves.states);
  const values: Float64Array[] = [];
  for (const node of graph.nodes) {
    const setState: Context["setState"] = (input, value) => { states.set(nameOf(graph.nodes[node.inputs[input]!]!), value); };
    values.push(compute(leaves, { node, mode, setState, inputs: node.inputs.map((input) => values[input]!), inputNodes: node.inputs.map((input) => graph.nodes[input]!) }));
  }
  return { of: (value) => values[value]!, states };
}

function compute({ image, labels, parameters, states }: Leaves, context: Context): Float64Array {
  const { node, node: { operation } } = context;
  switch (operation.op) {
    case "image": return sized(node, "image", image);
    case "labels": return sized(node, "labels", labels);
    case "parameter": return sized(node, operation.name, parameters.get(operation.name));
    case "state": return sized(node, operation.name, states?.get(operation.name));
    case "frozen": return sized(node, operation.name, operation.values);
    default: return rules[operation.op](context);
  }
}

function sized({ shape }: Node, name: string, data: ArrayLike<number> | undefined): Float64Array {
  if (data?.length !== elements(shape)) throw new EngineError("SHAPE_MISMATCH", `evaluate: expected ${name} with ${elements(shape)} numbers, got ${data?.length ?? "none"}`, { name });
  return Float64Array.from(data);
}

function nameOf({ operation }: Node): string {
  if (operation.op !== "state") throw new EngineError("SHAPE_MISMATCH", `evaluate: expected running statistics, got ${operation.op}`);
  return operation.name;
}
