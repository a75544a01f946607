import type { Shape, Value } from "../../../engine/graph/graph.ts";
import type { Mapping } from "./mapping.ts";

/**
 * Models exported for one batch size have it written into the targets of their reshapes. What such a reshape means for
 * another size follows from where the batch is in memory, which a reshape does not change. Several axes may hold it when
 * it has been merged with another (heads of attention, tokens): an axis of its own is taken first, then the innermost
 * but the last, whose elements layers combine. That this treats each image by itself is shown afterwards (independence.ts).
 *
 * @param from the input's shape now.
 * @returns the output's shape now; undefined when the model leaves its batch open, or this is its size.
 * @throws AppError MODEL_UNSUPPORTED when no axis can hold the batch.
 */
export function batchedShape(mapping: Mapping, from: Shape): Shape | undefined {
  const { node, surroundings } = mapping;
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  const before = surroundings.referenceShape(input);
  const after = surroundings.referenceShape(output);
  if (!before || !after) return undefined;
  const axis = from.findIndex((side, i) => side !== before[i]);
  if (axis < 0) return after;
  const batch = surroundings.referenceBatch;
  const stride = surroundings.innerOf(input) * volume(before.slice(axis + 1));
  const places = after.flatMap((side, at) => {
    const inner = stride / volume(after.slice(at + 1));
    return Number.isInteger(inner) && side % (batch * inner) === 0 ? [{ at, inner, alone: side === batch }] : [];
  });
  const chosen = places.find(({ at, alone }) => alone && at === axis) ?? places.find(({ alone }) => alone) ?? places.findLast(({ at }) => at < after.length - 1) ?? places[0];
  if (!chosen) throw mapping.refused("a reshape that keeps the images of a batch apart", `[${before.join(", ")}] to [${after.join(", ")}]`, "export the model with a dynamic batch axis (dynamic_axes={\"input\": {0: \"n\"}})");
  surroundings.setInner(output, chosen.inner);
  return after.with(chosen.at, after[chosen.at]! * from[axis]! / before[axis]!);
}

/**
 * The side that a model asks for on an axis of its first input: where that axis holds the batch, the file's batch size stands for any.
 *
 * @throws AppError MODEL_UNSUPPORTED when it asks for another number of images than it has.
 */
export function batchedSide(mapping: Mapping, axis: number, side: number): number {
  const before = mapping.surroundings.referenceShape(mapping.node.inputs[0]!)?.[axis];
  const now = mapping.shape(0)[axis]!;
  if (before === undefined || before === now) return side;
  if (side !== before) throw mapping.refused(`the ${before} elements of axis ${axis}, which holds the batch, to stay`, String(side), "export the model with a dynamic batch axis");
  return now;
}

/** Constants of a model exported for one image are concatenated with every image of a batch. */
export function expandToBatch({ builder, node, surroundings }: Mapping, parts: readonly Value[], axis: number): readonly Value[] {
  if (surroundings.referenceShape(node.outputs[0]!) === undefined) return parts;
  const sides = builder.shapeOf(parts[0]!).map((_, i) => Math.max(...parts.map((part) => builder.shapeOf(part)[i]!)));
  return parts.map((part) => {
    const shape = builder.shapeOf(part);
    const wanted = shape.map((side, i) => (i !== axis && side === 1 ? sides[i]! : side));
    return wanted.join() === shape.join() ? part : builder.expand(part, wanted);
  });
}

function volume(shape: Shape): number { return shape.reduce((product, side) => product * side, 1); }
