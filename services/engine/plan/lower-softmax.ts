import type { SoftmaxOperation } from "../graph/operations/softmax.ts";
import { axisShape } from "../kernels/nn/axis.ts";
import { softmax } from "../kernels/nn/softmax.ts";
import { softmaxGrad } from "../kernels/nn/softmax-grad.ts";
import { emitDispatch, type LoweringRules, type Rule } from "./lowering.ts";

export const softmaxRules: LoweringRules<SoftmaxOperation> = { softmax: forward(false), logSoftmax: forward(true), softmaxGrad: gradient(false), logSoftmaxGrad: gradient(true) };

function forward(log: boolean): Rule {
  return (lowering, value) => {
    const { operation: { axis }, inputs, shape } = lowering.node<"softmax" | "logSoftmax">(value);
    emitDispatch(lowering, value, inputs, ([x], y) => softmax(x!, y, axisShape(shape, axis), { log }));
  };
}

function gradient(log: boolean): Rule {
  return (lowering, value) => {
    const { operation: { axis }, inputs, shape } = lowering.node<"softmaxGrad" | "logSoftmaxGrad">(value);
    emitDispatch(lowering, value, inputs, ([dy, y], dx) => softmaxGrad(dy!, y!, dx, axisShape(shape, axis), { log }));
  };
}
