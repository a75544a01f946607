import type { Graph, Node, Operation, Shape, Value } from "./graph.ts";

/** A graph made from another one. Values are indices, so they change; `values` says what became of those that remain. */
export interface Rewritten {
  readonly graph: Graph;
  readonly values: ReadonlyMap<Value, Value>;
}

/** Copies nodes of a graph into a new one, renaming their inputs on the way. */
export class Rewriter {
  readonly #nodes: Node[] = [];
  readonly #values = new Map<Value, Value>();
  constructor(readonly source: Graph) {}

  copy(value: Value): void {
    const { operation, inputs, shape } = this.source.nodes[value]!;
    this.replace(value, operation, inputs.map((input) => this.renamed(input)), shape);
  }

  /** `inputs` are values of the new graph. */
  push(operation: Operation, inputs: readonly Value[], shape: Shape): Value {
    return (this.#nodes.push({ operation, inputs, shape }) - 1) as Value;
  }

  /** What used to read `value` will read the new node. */
  replace(value: Value, operation: Operation, inputs: readonly Value[], shape: Shape): void {
    this.#values.set(value, this.push(operation, inputs, shape));
  }

  renamed(value: Value): Value { return this.#values.get(value)!; }
  finish(): Rewritten { return { graph: { nodes: this.#nodes, batch: this.source.batch }, values: this.#values }; }
}

/** Values that `roots` depend on, themselves included. */
export function ancestors(graph: Graph, roots: Iterable<Value>): Set<Value> {
  const live = new Set<Value>(roots);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (live.has(i as Value)) for (const input of graph.nodes[i]!.inputs) live.add(input);
  }
  return live;
}

/** The graph without the nodes that no value in `keep` depends on. */
export function prune(graph: Graph, keep: readonly Value[]): Rewritten {
  const live = ancestors(graph, keep);
  const rewriter = new Rewriter(graph);
  graph.nodes.forEach((_, i) => { if (live.has(i as Value)) rewriter.copy(i as Value); });
  return rewriter.finish();
}

/** How often each value is read. */
export function useCounts(graph: Graph): number[] {
  const counts = new Array<number>(graph.nodes.length).fill(0);
  for (const node of graph.nodes) for (const input of node.inputs) counts[input]!++;
  return counts;
}
