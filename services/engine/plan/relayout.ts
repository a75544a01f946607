import type { Graph, Shape, Value } from "../graph/graph.ts";
import { arrange } from "../graph/inference.ts";
import { DENSE, isUnpadded, keptLayout, type Layout, planesOf, sameLayout } from "../graph/physical.ts";
import { Rewriter } from "../graph/rewrite.ts";

/** A graph in which every operand lies as its reader wants it. */
export interface Arranged {
  readonly graph: Graph;
  /** Of the new graph's values. */
  readonly layouts: readonly Layout[];
  /** Where a value of `keep` is found: laid out as keptLayout says. */
  kept(value: Value): Value;
  /** parameter → gradient, in the new graph: the gradient lies as its parameter does. */
  readonly gradientsInto: ReadonlyMap<Value, Value>;
}

/**
 * Puts `relayout` nodes where an operand lies otherwise than its reader wants: one for each value and layout, whoever asks
 * first. A network whose layouts fit stays as it is, node for node.
 */
export function withRelayouts(graph: Graph, keep: readonly Value[], gradientsInto: ReadonlyMap<Value, Value>): Arranged {
  const { layouts, conversions } = arrange(graph);
  const rewriter = new Rewriter(graph);
  const shapeOf = (value: Value): Shape => graph.nodes[value]!.shape;
  const made = new Map<string, Value>();
  const convert = (value: Value, wanted: Layout): Value => {
    let [at, from] = [rewriter.renamed(value), layouts[value]!];
    for (const to of pathOf(from, wanted)) {
      const key = `${value} ${JSON.stringify(to)}`;
      at = made.get(key) ?? rewriter.push({ op: "relayout", from, to }, [at], shapeOf(value));
      made.set(key, at);
      from = to;
    }
    return at;
  };
  graph.nodes.forEach(({ operation, inputs, shape }, i) => {
    const wanted = conversions.get(i as Value);
    const operands = inputs.map((input) => convert(input, wanted?.get(input) ?? layouts[input]!));
    rewriter.replace(i as Value, operation, operands, shape);
  });
  const kept = new Map(keep.map((value) => [value, convert(value, keptLayout(layouts[value]!, shapeOf(value)))]));
  const into = new Map([...gradientsInto].map(([parameter, gradient]) => [rewriter.renamed(parameter), convert(gradient, layouts[parameter]!)]));
  const { graph: arranged, values } = rewriter.finish();
  const before = new Map([...values].map(([old, now]) => [now, old]));
  return {
    graph: arranged,
    layouts: arranged.nodes.map(({ operation }, i) => (operation.op === "relayout" ? operation.to : layouts[before.get(i as Value)!]!)),
    kept: (value) => kept.get(value)!,
    gradientsInto: into,
  };
}

/** The layouts on the way: every kernel has a dense tensor on one side. */
function pathOf(from: Layout, to: Layout): readonly Layout[] {
  if (sameLayout(from, to)) return [];
  return from.kind === "dense" || to.kind === "dense" ? [to] : [DENSE, to];
}

/** Whether both layouts put the same bytes in the same places: pixels and padding are all that differs between them. */
export function isSameMemory(from: Layout, to: Layout, shape: Shape): boolean {
  return [from, to].every((layout) => isUnpadded(layout, shape) && (planesOf(layout, shape)?.s ?? 1) === 1);
}
