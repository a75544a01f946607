import type { Graph, OperationOf, Shape, Value } from "../graph/graph.ts";
import { layoutsOf } from "../graph/inference.ts";
import { pad4 } from "../graph/layout.ts";
import { type Layout, physicalShape } from "../graph/physical.ts";
import { Rewriter } from "../graph/rewrite.ts";
import { elements } from "../gpu/tensor.ts";

/**
 * Linear layers whose weight is larger than a kernel can bind (VGG's first takes 411 MB, WebGPU promises 134): built as
 * several layers side by side, each with some of the output channels. Files, other graphs and the f64 interpreter know
 * nothing of it; NetworkParameters keeps the parts, compilePlan computes with them.
 */

/** Rows [first, first + count) of a weight, which are output channels, as a parameter of its own. */
export interface WeightPart { readonly name: string; readonly first: number; readonly count: number }

/** Physical rows of a linear weight are padded to fours. */
const LANES = 4;

/** The weights of the graph that are larger than `limit` bytes and can be cut: read by nothing but linear layers and their gradients. */
export function partedWeights(graph: Graph, layouts: readonly Layout[], limit: number): ReadonlyMap<Value, readonly WeightPart[]> {
  const parted = new Map<Value, readonly WeightPart[]>();
  graph.nodes.forEach(({ operation, shape }, i) => {
    if (operation.op !== "parameter" || layouts[i]!.kind !== "linearWeight") return;
    const bytes = 4 * elements(physicalShape(layouts[i]!, shape));
    if (bytes > limit && isWeightOfLinearsOnly(graph, i as Value)) parted.set(i as Value, parts(operation.name, shape[0]!, bytes / pad4(shape[0]!), limit));
  });
  return parted;
}

/** As few parts as fit, as equal as whole quads of channels can be. */
function parts(name: string, channels: number, bytesPerChannel: number, limit: number): WeightPart[] {
  const quads = Math.ceil(channels / LANES);
  const most = Math.max(1, Math.floor(limit / (bytesPerChannel * LANES)));
  const count = LANES * Math.ceil(quads / Math.ceil(quads / most));
  return Array.from({ length: Math.ceil(channels / count) }, (_, i) => ({ name: `${name} part ${i}`, first: i * count, count: Math.min(count, channels - i * count) }));
}

function isWeightOfLinearsOnly(graph: Graph, weight: Value): boolean {
  return graph.nodes.every(({ operation: { op }, inputs }) => inputs.every((input, position) => input !== weight || (position === 1 && (op === "linear" || op === "linearGradInput"))));
}

export interface SplitGraph {
  readonly graph: Graph;
  readonly renamed: (value: Value) => Value;
  /** parameter → gradient, in the new graph. */
  readonly gradientsInto: ReadonlyMap<Value, Value>;
}

/** The same graph with every such layer cut; the same object where there is none. */
export function splitLinears(graph: Graph, gradientsInto: ReadonlyMap<Value, Value>, limit: number): SplitGraph {
  const parted = partedWeights(graph, layoutsOf(graph), limit);
  if (parted.size === 0) return { graph, renamed: (value) => value, gradientsInto };
  return new Splitter(graph, parted, gradientsInto).split();
}

class Splitter {
  readonly #rewriter: Rewriter;
  /** Weight → its parts in the new graph. */
  readonly #weights = new Map<Value, readonly Value[]>();
  readonly #gradients = new Map<Value, Value>();
  /** Gradient → the weight that it is of. */
  readonly #ofWeight: ReadonlyMap<Value, Value>;
  constructor(readonly graph: Graph, readonly parted: ReadonlyMap<Value, readonly WeightPart[]>, readonly gradientsInto: ReadonlyMap<Value, Value>) {
    this.#rewriter = new Rewriter(graph);
    this.#ofWeight = new Map([...gradientsInto].filter(([weight]) => parted.has(weight)).map(([weight, gradient]) => [gradient, weight]));
  }

  split(): SplitGraph {
    this.graph.nodes.forEach((_, i) => { this.#visit(i as Value); });
    for (const [parameter, gradient] of this.gradientsInto) if (!this.parted.has(parameter)) this.#gradients.set(this.#rewriter.renamed(parameter), this.#rewriter.renamed(gradient));
    const { graph, values } = this.#rewriter.finish();
    return { graph, renamed: (value) => values.get(value)!, gradientsInto: this.#gradients };
  }

  #visit(value: Value): void {
    const { operation, inputs } = this.graph.nodes[value]!;
    const [a, b, bias] = inputs as [Value, Value, Value?];
    if (operation.op === "parameter" && this.parted.has(value)) this.#weight(value, operation);
    else if (operation.op === "linear" && this.parted.has(b)) this.#linear(value, a, b, bias);
    else if (operation.op === "linearGradInput" && this.parted.has(b)) this.#gradInput(value, a, b);
    else if (operation.op === "linearGradWeight" && this.#ofWeight.has(value)) this.#gradWeight(this.#ofWeight.get(value)!, a, b);
    else this.#rewriter.copy(value);
  }

  #weight(weight: Value, operation: OperationOf<"parameter">): void {
    const [, f] = this.#shape(weight) as [number, number];
    this.#weights.set(weight, this.parted.get(weight)!.map(({ name, count }) => this.#rewriter.push({ ...operation, name }, [], [count, f])));
  }

  #linear(value: Value, x: Value, weight: Value, bias: Value | undefined): void {
    const [n] = this.#shape(value) as [number];
    const outputs = this.#partsOf(weight).map(([w, part]) => this.#rewriter.push({ op: "linear" }, [this.#rewriter.renamed(x), w, ...(bias === undefined ? [] : [this.#cut(bias, 0, part)])], [n, part.count]));
    this.#rewriter.replace(value, { op: "concat", axis: 1 }, outputs, this.#shape(value));
  }

  /** The sum over output channels, part after part. */
  #gradInput(value: Value, dy: Value, weight: Value): void {
    const shape = this.#shape(value);
    const [first, ...rest] = this.#partsOf(weight).map(([w, part]) => this.#rewriter.push({ op: "linearGradInput" }, [this.#cut(dy, 1, part), w], shape)) as [Value, ...Value[]];
    const last = rest.pop()!; // a parted weight has two parts at least
    const before = rest.reduce((sum, term) => this.#rewriter.push({ op: "add" }, [sum, term], shape), first);
    this.#rewriter.replace(value, { op: "add" }, [before, last], shape);
  }

  #gradWeight(weight: Value, x: Value, dy: Value): void {
    const [, f] = this.#shape(weight) as [number, number];
    for (const [w, part] of this.#partsOf(weight)) this.#gradients.set(w, this.#rewriter.push({ op: "linearGradWeight" }, [this.#rewriter.renamed(x), this.#cut(dy, 1, part)], [part.count, f]));
  }

  #partsOf(weight: Value): [Value, WeightPart][] { return this.#weights.get(weight)!.map((w, i) => [w, this.parted.get(weight)![i]!]); }
  #cut(x: Value, axis: number, { first, count }: WeightPart): Value { return this.#rewriter.push({ op: "concatGrad", axis, start: first }, [this.#rewriter.renamed(x)], this.#shape(x).with(axis, count)); }
  #shape(value: Value): Shape { return this.graph.nodes[value]!.shape; }
}
