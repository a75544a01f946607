import type { Shape } from "../../../../engine/graph/graph.ts";
import type { Attributes } from "../attributes.ts";
import { type Constant, type ElementType, volume } from "../constant.ts";
import { type NodeLabel, unsupported } from "../errors.ts";

/** A node all of whose inputs are known. */
export interface Folding {
  readonly node: NodeLabel;
  readonly opset: number;
  readonly attributes: Attributes;
  /** undefined: left out. */
  readonly inputs: readonly (Constant | undefined)[];
  readonly outputCount: number;
  /** Largest tensor that may be made, in elements. */
  readonly limit: number;
}

/** Computes the outputs of a node, as NumPy would, in f64. */
export type Fold = (folding: Folding) => Constant | readonly Constant[];

/** @throws AppError MODEL_UNSUPPORTED when the node lacks the input. */
export function operand({ inputs, node }: Folding, index: number): Constant {
  const input = inputs[index];
  if (!input) throw unsupported(node, `expected an input number ${index}, got none; export the model again`);
  return input;
}

/** All inputs, at least one. @throws AppError MODEL_UNSUPPORTED when the node lacks one. */
export function operands(folding: Folding): readonly Constant[] { return [operand(folding, 0), ...folding.inputs.slice(1).map((_, i) => operand(folding, i + 1))]; }

/** Room for a folded tensor. @throws AppError MODEL_UNSUPPORTED when it would be too large. */
export function room({ node, limit }: Folding, type: ElementType, shape: Shape): Constant {
  const count = volume(shape);
  if (!(count <= limit)) throw unsupported(node, `expected a constant of at most ${limit} elements, got [${shape.join(", ")}]; fold the model's constants at export`);
  return { type, shape, data: new Float64Array(count) };
}

/** Copies `shape` elements of `x`, element (i, j, …) from offset + i·strides[0] + j·strides[1] + …. */
export function strided(folding: Folding, x: Constant, shape: Shape, strides: readonly number[], offset = 0): Constant {
  const y = room(folding, x.type, shape);
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = x.data[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return y;
}

/** Row-major strides. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) { strides[axis] = step; step *= shape[axis]!; }
  return strides;
}
