import { EngineError } from "../errors.ts";
import type { Graph, Node, Operation, Value } from "./graph.ts";
import { gradientRules } from "./gradient-rules.ts";
import type { Tape } from "./tape.ts";

/**
 * Reverse-mode differentiation of Σᵢ seed·of[i]. Gradients are ordinary nodes appended to the graph, so all values of
 * `graph` keep their meaning in the result; only what the targets need is made.
 *
 * @param of            a per-image value [n] (a loss, a logit).
 * @param withRespectTo values that `of` depends on: the image, parameters, or anything between.
 * @param seed          weight of each image: 1 for per-image gradients, 1/n for the gradient of the batch mean.
 * @returns gradients   target → its gradient, of the target's shape.
 * @throws EngineError SHAPE_MISMATCH when `of` is not [n], does not depend on a target but in steps (floor, comparisons), or
 *   depends on it through an operation without a gradient (labels, running statistics, folded weights, gradients).
 */
export function differentiate(graph: Graph, of: Value, withRespectTo: readonly Value[], seed: number): { graph: Graph; gradients: Map<Value, Value> } {
  const nodes: Node[] = [...graph.nodes];
  const tape: Tape = {
    node: (value) => nodes[value]!,
    push: (operation, inputs, shape) => (nodes.push({ operation, inputs, shape }) - 1) as Value,
  };
  const { shape } = tape.node(of);
  if (shape.length !== 1 || shape[0] !== graph.batch) throw new EngineError("SHAPE_MISMATCH", `differentiate: expected a value per image [${graph.batch}], got [${shape.join(", ")}]`);
  const wanted = descendants(graph, withRespectTo);
  const gradients = new Map<Value, Value>([[of, tape.push({ op: "seed", value: seed }, [], shape)]]);
  for (let value = of; value >= 0; value--) {
    const dy = gradients.get(value);
    if (dy === undefined || !wanted.has(value)) continue;
    const { operation, inputs } = tape.node(value);
    if (inputs.some((input) => wanted.has(input))) propagate(tape, gradients, wanted, value, dy, operation, inputs);
  }
  return { graph: { nodes, batch: graph.batch }, gradients: new Map(withRespectTo.map((target) => [target, asTarget(tape, target, gradients.get(target) ?? unreached(tape, of, target))])) };
}

/** The gradient of the image goes to kernels that know images only: dense, which `reshape` always returns. */
function asTarget(tape: Tape, target: Value, gradient: Value): Value {
  if (tape.node(target).operation.op !== "image" || tape.node(gradient).operation.op === "normaliseGrad") return gradient;
  return tape.push({ op: "reshape" }, [gradient], tape.node(target).shape);
}

/** Adds to the gradients of the node's wanted inputs what flows back through it. */
function propagate(tape: Tape, gradients: Map<Value, Value>, wanted: ReadonlySet<Value>, value: Value, dy: Value, operation: Operation, inputs: readonly Value[]): void {
  inputs.forEach((input, position) => {
    if (!wanted.has(input)) return;
    const rules = gradientRules[operation.op];
    const rule = typeof rules === "function" ? rules : rules?.[position];
    if (!rule) throw new EngineError("SHAPE_MISMATCH", `differentiate: expected an operation with a gradient for input ${position}, got ${operation.op} (value ${value})`, { op: operation.op, input: position });
    const dx = rule(tape, value, dy, position);
    if (dx === undefined) return;
    const before = gradients.get(input);
    gradients.set(input, before === undefined ? dx : tape.push({ op: "add" }, [before, dx], tape.node(input).shape));
  });
}

/** Values that depend on one of `sources`, themselves included. */
function descendants(graph: Graph, sources: readonly Value[]): Set<Value> {
  const reached = new Set(sources);
  graph.nodes.forEach(({ inputs }, i) => { if (inputs.some((input) => reached.has(input))) reached.add(i as Value); });
  return reached;
}

function unreached(tape: Tape, of: Value, target: Value): never {
  const { operation } = tape.node(target) ?? {};
  throw new EngineError("SHAPE_MISMATCH", `differentiate: expected value ${of} to depend on value ${target} (${operation?.op}), it does not`, { of, target });
}
