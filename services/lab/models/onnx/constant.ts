import type { Shape } from "../../../engine/graph/graph.ts";

/**
 * ONNX's element types as far as folding tells them apart: floats of any width, integers of any width, truth values (0 or 1).
 * Integers beyond 2^53 (the "end" of an open slice) are rounded; they only ever serve as bounds.
 */
export type ElementType = "float" | "int" | "bool";

/** A tensor whose values are known at import. */
export interface Constant {
  readonly type: ElementType;
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array;
}

export function constant(type: ElementType, shape: Shape, data: ArrayLike<number>): Constant {
  return { type, shape, data: data instanceof Float32Array || data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** [values.length] integers. */
export function integers(values: readonly number[]): Constant { return constant("int", [values.length], values); }

export function volume(shape: Shape): number { return shape.reduce((product, side) => product * side, 1); }

/** Row-major; a side of 1 has stride 0, so that it broadcasts. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const strides = new Array<number>(rank).fill(0);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) strides[axis + rank - shape.length] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** NumPy's rule, or undefined where the shapes do not fit. */
export function broadcastShape(...shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [axis, side] of shape.entries()) {
      const at = axis + rank - shape.length;
      if (side === 1 || side === result[at]) continue;
      if (result[at] !== 1) return undefined;
      result[at] = side;
    }
  }
  return result;
}
