import { elements, type Tensor } from "../gpu/tensor.ts";
import type { Dispatch } from "../gpu/kernel.ts";
import type { ElementwiseOperation } from "../graph/operations/elementwise.ts";
import { add } from "../kernels/elementwise/add.ts";
import { relu } from "../kernels/elementwise/relu.ts";
import { reluGrad } from "../kernels/elementwise/relu-grad.ts";
import { unary } from "../kernels/elementwise/unary.ts";
import { unaryGrad } from "../kernels/elementwise/unary-grad.ts";
import { emitDispatch, type LoweringRules, type Rule } from "./lowering.ts";

export const elementwiseRules: LoweringRules<ElementwiseOperation> = {
  relu: simple(([x], y, n) => relu(x!, y, n)),
  add: simple(([a, b], y, n) => add(a!, b!, y, n)),
  reluGrad: simple(([dy, y], dx, n) => reluGrad(dy!, y!, dx, n)),
  unary(lowering, value) {
    const { operation: { fn }, inputs } = lowering.node<"unary">(value);
    emitDispatch(lowering, value, inputs, ([x], y) => unary(fn, x!, y, elements(y.shape)));
  },
  unaryGrad(lowering, value) {
    const { operation: { fn }, inputs } = lowering.node<"unaryGrad">(value);
    emitDispatch(lowering, value, inputs, ([dy, x], dx) => unaryGrad(fn, dy!, x!, dx, elements(dx.shape)));
  },
};

/** What works on all elements that lie in memory, padding among them. */
function simple(dispatch: (inputs: readonly Tensor[], output: Tensor, n: number) => Dispatch): Rule {
  return (lowering, value) => { emitDispatch(lowering, value, lowering.node(value).inputs, (inputs, output) => dispatch(inputs, output, elements(output.shape))); };
}
