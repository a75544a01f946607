import type { Value } from "../../../../engine/graph/graph.ts";
import type { AxisMap } from "../../../../engine/graph/operations/shape.ts";
import type { Mapping } from "../mapping.ts";

/** One output element along an axis: which input elements it sums, with what weights. */
export type Taps = readonly (readonly [index: number, weight: number])[];

/** Longer axes than any image has; bounds the tables that a hostile file can ask for. */
const MAX_LENGTH = 1 << 16;

/** Replaces an axis by `length` weighted sums of its elements. */
export function mapAxis(mapping: Mapping, x: Value, axis: number, length: number, taps: (at: number) => Taps): Value {
  if (!Number.isInteger(length) || length < 1 || length > MAX_LENGTH) throw mapping.refused(`axis ${axis} of 1 to ${MAX_LENGTH} elements`, String(length), "export the model again");
  mapping.surroundings.mapEntries.take(length, mapping.node);
  return mapping.builder.axisMap(x, axis, tableOf(length, taps));
}

function tableOf(length: number, taps: (at: number) => Taps): AxisMap {
  const [offsets, indices, weights]: [number[], number[], number[]] = [[0], [], []];
  for (let at = 0; at < length; at++) {
    for (const [from, w] of taps(at)) { indices.push(from); weights.push(w); }
    offsets.push(indices.length);
  }
  return { offsets, indices, weights };
}
