import { isDeepStrictEqual } from "node:util";

import type { Graph, Node, Shape, Value } from "../../../engine/graph/graph.ts";
import { clip, unsupported } from "./errors.ts";

/** Where the images of a batch are in a value: along an axis, `inner` elements of it from one image to the next. */
interface Place { readonly axis: number; readonly inner: number }

/** A network for one batch size. */
interface Scored { readonly graph: Graph; readonly logits: Value }

/**
 * Shows that a network treats each image by itself: without that no attribution or attack of an image would mean anything.
 * The graphs of two batch sizes must differ in the batch alone: the same operations with the same attributes on the same
 * values and constants, one axis of a value larger by the ratio of the sizes or none, and no operation along that axis. Transposes and reshapes may move it.
 *
 * @throws AppError MODEL_UNSUPPORTED.
 */
export function requireIndependence({ graph: few, logits }: Scored, { graph: many, logits: ofMany }: Scored): void {
  if (few.nodes.length !== many.nodes.length || logits !== ofMany) throw mixed(`other operations for ${few.batch} than for ${many.batch} images`);
  const places: (Place | undefined)[] = [];
  few.nodes.forEach((node, i) => {
    const axis = grownAxis(node, many.nodes[i]!, many.batch / few.batch);
    if (!isDeepStrictEqual(node.inputs, many.nodes[i]!.inputs)) throw mixed(`${node.operation.op} of other values for ${few.batch} than for ${many.batch} images`);
    node.inputs.forEach((input, position) => {
      const place = places[input];
      if (place && runsAlong(node, few.nodes[input]!.shape, place.axis, position)) throw mixed(`${node.operation.op} along the batch of [${few.nodes[input]!.shape.join(", ")}]`);
    });
    places.push(axis < 0 ? undefined : { axis, inner: innerOf(few, node, axis, node.inputs.flatMap((input) => places[input] ?? [])) });
  });
  if (places[logits]?.axis !== 0 || places[logits].inner !== 1) throw unsupported(undefined, "expected class scores of each image, got some that do not depend on it; export the model with a dynamic batch axis");
}

/** The one axis that differs; −1: none does. */
function grownAxis(few: Node, many: Node, ratio: number): number {
  const [a, b] = [few.operation, many.operation];
  const grown = few.shape.flatMap((side, axis) => (many.shape[axis] === side ? [] : [axis]));
  const [axis = -1] = grown;
  if (a.op !== b.op || few.shape.length !== many.shape.length || grown.length > 1 || (axis >= 0 && many.shape[axis] !== few.shape[axis]! * ratio)) {
    throw mixed(`${a.op} of [${few.shape.join(", ")}] for some and [${many.shape.join(", ")}] for ${ratio} times as many images`);
  }
  if (a.op === "frozen" && b.op === "frozen") {
    if (axis >= 0 || a.values.some((value, i) => !Object.is(value, b.values[i]))) throw mixed(`a constant, ${clip(a.name)}, that depends on the number of images`);
  } else if (!isDeepStrictEqual(a, b)) throw mixed(`${a.op} with numbers that depend on the number of images`);
  return axis;
}

/** Whether an operation combines elements that differ in their place on an axis of an input. */
function runsAlong({ operation }: Node, shape: Shape, axis: number, position: number): boolean {
  switch (operation.op) {
    case "softmax": case "logSoftmax": case "axisMap": case "concat": return operation.axis === axis;
    case "reduce": return operation.axes.includes(axis);
    case "layerNorm": return axis >= operation.axis;
    case "matMul": return axis === shape.length - (position === 0 ? 1 : 2);
    case "unary": case "binary": case "where": case "relu": case "add": case "transpose": case "reshape": case "expand": return false;
    default: return axis !== 0;
  }
}

/** A reshape keeps the order of all elements; everything else keeps the order within the axis. */
function innerOf({ batch, nodes }: Graph, { operation, inputs, shape }: Node, axis: number, places: readonly Place[]): number {
  const [first = { axis, inner: 1 }] = places; // the image, and constants repeated for each
  if (operation.op === "reshape") {
    const inner = first.inner * below(nodes[inputs[0]!]!.shape, first.axis) / below(shape, axis);
    if (!Number.isInteger(inner) || shape[axis]! % (batch * inner) !== 0) throw mixed(`a reshape of [${nodes[inputs[0]!]!.shape.join(", ")}] to [${shape.join(", ")}]`);
    return inner;
  }
  if (places.some(({ inner }) => inner !== first.inner)) throw mixed(`${operation.op} of batches in different orders`);
  return first.inner;
}

/** Elements from one place on the axis to the next. */
function below(shape: Shape, axis: number): number { return shape.slice(axis + 1).reduce((product, side) => product * side, 1); }

function mixed(got: string): Error { return unsupported(undefined, `expected a network that treats each image by itself, got ${got}; export the model for inference, with a dynamic batch axis`); }
