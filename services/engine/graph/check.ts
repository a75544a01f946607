import { EngineError } from "../errors.ts";
import type { GraphBuilder, Shape, Value } from "./graph.ts";

/** What the builders of all families check in the same words. */

export function mismatch(op: string, expected: string, got: unknown): EngineError {
  return new EngineError("SHAPE_MISMATCH", `${op}: expected ${expected}, got ${JSON.stringify(got)}`, { op, expected, got });
}

/** @throws EngineError SHAPE_MISMATCH unless the value has so many axes. */
export function requireRank(graph: GraphBuilder, op: string, value: Value, rank: number): Shape {
  const shape = graph.graph.nodes[value]?.shape;
  if (shape?.length !== rank) throw mismatch(op, `a tensor of rank ${rank}`, shape);
  return shape;
}

/** @throws EngineError SHAPE_MISMATCH unless the value has this shape. */
export function requireShape(graph: GraphBuilder, op: string, value: Value, expected: Shape): void {
  const shape = graph.graph.nodes[value]?.shape;
  if (!shape || !sameShape(shape, expected)) throw mismatch(op, `shape [${expected.join(", ")}]`, shape);
}

/** @throws EngineError SHAPE_MISMATCH unless 0 ≤ axis < rank: importers count negative axes from the end themselves. */
export function requireAxis(op: string, shape: Shape, axis: number): number {
  if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) throw mismatch(op, `an axis of [${shape.join(", ")}], counted from 0`, axis);
  return shape[axis]!;
}

export function sameShape(a: Shape, b: Shape): boolean { return a.length === b.length && a.every((side, i) => side === b[i]); }
