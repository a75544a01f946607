import type { SoftmaxOperation } from "../../graph/operations/softmax.ts";
import { axisShape } from "../../kernels/nn/axis.ts";
import { softmaxReference } from "../../reference/nn/softmax.ts";
import { softmaxGradReference } from "../../reference/nn/softmax-grad.ts";
import type { Rules } from "../evaluate.ts";
import { as } from "./shapes.ts";

export const softmaxRules: Rules<SoftmaxOperation> = {
  softmax: ({ node, inputs: [x] }) => softmaxReference(x!, axisShape(node.shape, as(node.operation, "softmax").axis), { log: false }),
  logSoftmax: ({ node, inputs: [x] }) => softmaxReference(x!, axisShape(node.shape, as(node.operation, "logSoftmax").axis), { log: true }),
  softmaxGrad: ({ node, inputs: [dy, y] }) => softmaxGradReference(dy!, y!, axisShape(node.shape, as(node.operation, "softmaxGrad").axis), { log: false }),
  logSoftmaxGrad: ({ node, inputs: [dy, y] }) => softmaxGradReference(dy!, y!, axisShape(node.shape, as(node.operation, "logSoftmaxGrad").axis), { log: true }),
};
