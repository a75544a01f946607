import type { Node, Operation, OperationOf, Shape, Value } from "./graph.ts";

/** Appends nodes to the graph being differentiated; handed to the rules of operations/. */
export interface Tape {
  node(value: Value): Node;
  push(operation: Operation, inputs: readonly Value[], shape: Shape): Value;
}

/**
 * The gradient that input number `position` of the node `y` receives when the node's own is `dy`, as a new node; undefined
 * where the node does not change with that input but in steps, so that nothing flows back.
 */
export type GradientRule = (tape: Tape, y: Value, dy: Value, position: number) => Value | undefined;

/** By operation, then by input; one rule alone serves every input. What has no rule has no gradient: differentiate.ts names it. */
export type GradientRules = Partial<Record<Operation["op"], GradientRule | readonly GradientRule[]>>;

/** The attributes of a node whose operation the caller knows. */
export function attributes<O extends Operation["op"]>(tape: Tape, y: Value): OperationOf<O> { return tape.node(y).operation as OperationOf<O>; }

export function inputOf(tape: Tape, y: Value, position: number): Value { return tape.node(y).inputs[position]!; }

export function shapeOfInput(tape: Tape, y: Value, position: number): Shape { return tape.node(inputOf(tape, y, position)).shape; }
