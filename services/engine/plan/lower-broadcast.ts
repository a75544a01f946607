import { elements } from "../gpu/tensor.ts";
import type { Value } from "../graph/graph.ts";
import type { BroadcastOperation } from "../graph/operations/broadcast.ts";
import { sameShape } from "../graph/check.ts";
import { physicalShape, sameLayout } from "../graph/physical.ts";
import { binary } from "../kernels/elementwise/binary.ts";
import { binaryBroadcast } from "../kernels/elementwise/binary-broadcast.ts";
import { where } from "../kernels/elementwise/where.ts";
import { reduce, reduceScratchElements } from "../kernels/tensor/reduce.ts";
import { reduceMaxGrad } from "../kernels/tensor/reduce-max-grad.ts";
import { repeatedStrides, stridesOf } from "../kernels/tensor/walk.ts";
import { at, emitDispatch, type Lowering, type LoweringRules } from "./lowering.ts";

/** What broadcasts, and what sums or takes maxima over axes. */
export const broadcastRules: LoweringRules<BroadcastOperation> = {
  binary(lowering, value) {
    const { operation: { fn }, inputs, shape } = lowering.node<"binary">(value);
    const layout = lowering.layout(value);
    if (inputs.every((input) => sameShape(lowering.shape(input), shape) && sameLayout(lowering.layout(input), layout))) {
      emitDispatch(lowering, value, inputs, ([a, b], y) => binary(fn, a!, b!, y, elements(y.shape)));
      return;
    }
    const order = axesInMemory(lowering, value);
    const [aStrides, bStrides] = inputs.map((input) => { const strides = repeatedStrides(lowering.shape(input), stridesInMemory(lowering, input), shape.length); return order.map((axis) => strides[axis]!); }) as [number[], number[]];
    emitDispatch(lowering, value, inputs, ([a, b], y) => binaryBroadcast(fn, a!, b!, y, { sizes: order.map((axis) => shape[axis]!), aStrides, bStrides }));
  },
  where(lowering, value) {
    emitDispatch(lowering, value, lowering.node(value).inputs, ([condition, a, b], y) => where(condition!, a!, b!, y, elements(y.shape)));
  },
  reduce(lowering, value) {
    const { operation: { fn, axes }, inputs: [input] } = lowering.node<"reduce">(value);
    const of = { sizes: lowering.shape(input!), strides: stridesInMemory(lowering, input!), axes };
    const x = lowering.block(input!);
    const y = lowering.define(value);
    const [scratch] = lowering.scratch(y.label, reduceScratchElements(of));
    lowering.emit(`reduce ${value}`, { reads: [x], writes: [y], scratch: scratch ? [scratch] : [] }, () => reduce(fn, at(x), at(y), of, scratch && at(scratch)));
  },
  reduceMaxGrad(lowering, value) {
    const { operation: { axes }, inputs: [dy, x, y], shape } = lowering.node<"reduceMaxGrad">(value);
    emitDispatch(lowering, value, [dy!, y!, x!], ([d, maxima, from], dx) => reduceMaxGrad(d!, maxima!, from!, dx, { sizes: shape, strides: stridesOf(shape), axes }));
  },
};

/** Axes of a value, outermost in memory first: activations have their channels last. */
function axesInMemory(lowering: Lowering, value: Value): readonly number[] {
  return lowering.layout(value).kind === "activation" ? [0, 2, 3, 1] : lowering.shape(value).map((_, axis) => axis);
}

/** How far one step along each axis moves in memory, for a value that lies dense or as an activation. */
export function stridesInMemory(lowering: Lowering, value: Value): number[] {
  const order = axesInMemory(lowering, value);
  const strides = stridesOf(physicalShape(lowering.layout(value), lowering.shape(value)));
  return order.map((_, axis) => strides[order.indexOf(axis)]!);
}
