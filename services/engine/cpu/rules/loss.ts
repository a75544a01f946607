import type { LossOperation } from "../../graph/operations/loss.ts";
import { elements } from "../../gpu/tensor.ts";
import { selectLogitReference } from "../../reference/loss/select-logit.ts";
import { selectLogitGradReference } from "../../reference/loss/select-logit-grad.ts";
import { softmaxCrossEntropyReference } from "../../reference/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyGradReference } from "../../reference/loss/softmax-cross-entropy-grad.ts";
import type { Rules } from "../evaluate.ts";
import { as, nk } from "./shapes.ts";

export const lossRules: Rules<LossOperation> = {
  seed: ({ node }) => new Float64Array(elements(node.shape)).fill(as(node.operation, "seed").value),
  softmaxCrossEntropy: ({ inputs: [logits, labels], inputNodes }) => softmaxCrossEntropyReference(logits!, labels!, nk(inputNodes[0]!.shape)),
  selectLogit: ({ inputs: [logits, labels], inputNodes }) => selectLogitReference(logits!, labels!, nk(inputNodes[0]!.shape)),
  softmaxCrossEntropyGrad: ({ node, inputs: [logits, labels, dloss] }) => scaleRows(softmaxCrossEntropyGradReference(logits!, labels!, { ...nk(node.shape), scale: 1 }), dloss!),
  selectLogitGrad: ({ node, inputs: [labels, dy] }) => scaleRows(selectLogitGradReference(labels!, { ...nk(node.shape), scale: 1 }), dy!),
};

function scaleRows(matrix: Float64Array, scale: Float64Array): Float64Array {
  const columns = matrix.length / scale.length;
  return matrix.map((v, i) => v * scale[Math.floor(i / columns)]!);
}
