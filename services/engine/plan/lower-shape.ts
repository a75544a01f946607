import { invariant } from "../../common/errors.ts";
import { elements } from "../gpu/tensor.ts";
import type { Value } from "../graph/graph.ts";
import type { AxisMap, ShapeOperation } from "../graph/operations/shape.ts";
import { physicalShape, planesOf } from "../graph/physical.ts";
import { axisMap } from "../kernels/tensor/axis-map.ts";
import { fromDense } from "../kernels/tensor/from-dense.ts";
import { stridedCopy } from "../kernels/tensor/strided-copy.ts";
import { toDense } from "../kernels/tensor/to-dense.ts";
import { repeatedStrides, stridesOf } from "../kernels/tensor/walk.ts";
import { stridesInMemory } from "./lower-broadcast.ts";
import { at, emitDispatch, type Lowering, type LoweringRules } from "./lowering.ts";
import { isSameMemory } from "./relayout.ts";

/** Moving numbers about, and what costs nothing. */
export const shapeRules: LoweringRules<ShapeOperation> = {
  flatten: alias, unflatten: alias, reshape: alias,
  relayout(lowering, value) {
    const { operation: { from, to }, inputs, shape } = lowering.node<"relayout">(value);
    if (isSameMemory(from, to, shape)) { alias(lowering, value); return; }
    const planes = planesOf(from.kind === "dense" ? to : from, shape);
    invariant(planes, `plan: no kernel takes ${from.kind} to ${to.kind}`);
    emitDispatch(lowering, value, inputs, ([x], y) => (to.kind === "dense" ? toDense : fromDense)(x!, y, planes), lowering.ofParameters(inputs[0]!) ? "prologue" : "body");
  },
  transpose(lowering, value) {
    const { operation: { permutation }, inputs, shape } = lowering.node<"transpose">(value);
    const strides = stridesInMemory(lowering, inputs[0]!);
    emitDispatch(lowering, value, inputs, ([x], y) => stridedCopy(x!, y, { sizes: shape, xStrides: permutation.map((axis) => strides[axis]!), yStrides: stridesOf(shape) }));
  },
  expand(lowering, value) {
    const { inputs, shape } = lowering.node<"expand">(value);
    emitDispatch(lowering, value, inputs, ([x], y) => stridedCopy(x!, y, { sizes: shape, xStrides: repeatedStrides(lowering.shape(inputs[0]!), stridesInMemory(lowering, inputs[0]!), shape.length), yStrides: stridesOf(shape) }));
  },
  concat(lowering, value) {
    const { operation: { axis }, inputs } = lowering.node<"concat">(value);
    const whole = along(lowering, value, axis);
    const reads = inputs.map((input) => lowering.block(input));
    const y = lowering.define(value);
    const starts = startsOf(inputs.map((input) => lowering.shape(input)[axis]!));
    lowering.emit(`concat ${value}`, { reads, writes: [y] }, () => inputs.map((input, i) => {
      const { outer, size, inner } = along(lowering, input, axis);
      return stridedCopy(at(reads[i]!), at(y), { sizes: [outer, size * inner], xStrides: [size * inner, 1], yStrides: [whole.size * inner, 1], yStart: starts[i]! * inner });
    }));
  },
  concatGrad(lowering, value) {
    const { operation: { axis, start }, inputs } = lowering.node<"concatGrad">(value);
    const { outer, size, inner } = along(lowering, value, axis);
    const whole = along(lowering, inputs[0]!, axis);
    emitDispatch(lowering, value, inputs, ([dy], dx) => stridedCopy(dy!, dx, { sizes: [outer, size * inner], xStrides: [whole.size * inner, 1], yStrides: [size * inner, 1], xStart: start * inner }));
  },
  axisMap(lowering, value) {
    const { operation: { axis, map }, inputs: [input] } = lowering.node<"axisMap">(value);
    const { outer, size, inner } = along(lowering, input!, axis);
    const steps = evenSteps(map);
    if (steps) {
      const rows = map.indices.length;
      emitDispatch(lowering, value, [input!], ([x], y) => stridedCopy(x!, y, { sizes: [outer, rows, inner], xStrides: [size * inner, steps.step * inner, 1], yStrides: [rows * inner, inner, 1], xStart: steps.start * inner }));
      return;
    }
    const [x, { offsets, indices, weights }] = [lowering.block(input!), lowering.table(map)];
    const y = lowering.define(value);
    const table = { rows: map.offsets.length - 1, entries: map.indices.length };
    lowering.emit(`axis map ${value}`, { reads: [x, offsets, indices, weights], writes: [y] }, () => [axisMap(at(x), { offsets: at(offsets), indices: at(indices), weights: at(weights), ...table }, at(y), { outer, size, inner })]);
  },
};

function alias(lowering: Lowering, value: Value): void { lowering.alias(value, lowering.node(value).inputs[0]!); }

/** A value as it lies in memory, seen along one of its axes: [outer, size, inner]. Activations have their channels last. */
function along(lowering: Lowering, value: Value, axis: number): { outer: number; size: number; inner: number } {
  const layout = lowering.layout(value);
  const physical = physicalShape(layout, lowering.shape(value));
  const place = layout.kind === "activation" ? [0, 3, 1, 2][axis]! : axis;
  return { outer: elements(physical.slice(0, place)), size: physical[place]!, inner: elements(physical.slice(place + 1)) };
}

function startsOf(sizes: readonly number[]): number[] {
  let start = 0;
  return sizes.map((size) => { const before = start; start += size; return before; });
}

/** Where a map picks single elements at even steps (a slice, a flip): first and step. */
function evenSteps({ offsets, indices, weights }: AxisMap): { start: number; step: number } | undefined {
  const [start, second] = indices;
  const step = second === undefined ? 1 : second - start!;
  const even = offsets.every((offset, j) => offset === j) && weights.every((weight) => weight === 1) && indices.every((index, j) => index === start! + j * step);
  return even ? { start: start!, step } : undefined;
}
