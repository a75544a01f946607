import { EngineError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Dispatch } from "../gpu/kernel.ts";
import type { LossOperation } from "../graph/operations/loss.ts";
import { selectLogit } from "../kernels/loss/select-logit.ts";
import { selectLogitGrad } from "../kernels/loss/select-logit-grad.ts";
import { softmaxCrossEntropy } from "../kernels/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyGrad } from "../kernels/loss/softmax-cross-entropy-grad.ts";
import { emitDispatch, type LoweringRules, type Rule } from "./lowering.ts";

/** Losses per image. */
export const lossRules: LoweringRules<LossOperation> = {
  softmaxCrossEntropy: perImage(([logits, labels], loss, shape) => softmaxCrossEntropy(logits!, labels!, loss, shape)),
  selectLogit: perImage(([logits, labels], y, shape) => selectLogit(logits!, labels!, y, shape)),
  softmaxCrossEntropyGrad: seeded(2, ([logits, labels], dx, shape) => softmaxCrossEntropyGrad(logits!, labels!, dx, shape)),
  selectLogitGrad: seeded(1, ([labels], dx, shape) => selectLogitGrad(labels!, dx, shape)),
  seed: () => undefined, // a scalar parameter of the loss that reads it; anything else reads it as a constant (Lowering)
};

function perImage(dispatch: (inputs: readonly Tensor[], output: Tensor, shape: { n: number; k: number }) => Dispatch): Rule {
  return (lowering, value) => {
    const { inputs } = lowering.node(value);
    const [n, k] = lowering.shape(inputs[0]!) as [number, number];
    emitDispatch(lowering, value, inputs, (tensors, output) => dispatch(tensors, output, { n, k }));
  };
}

/** Gradients with respect to logits, whose incoming gradient must be the constant of a seed: input number `position`. */
function seeded(position: number, dispatch: (inputs: readonly Tensor[], output: Tensor, shape: { n: number; k: number; scale: number }) => Dispatch): Rule {
  return (lowering, value) => {
    const { operation, inputs } = lowering.node(value);
    const [n, k] = lowering.shape(value) as [number, number];
    const seed = lowering.node(inputs[position]!).operation;
    if (seed.op !== "seed") throw new EngineError("SHAPE_MISMATCH", `plan: expected ${operation.op} to start from the seed of differentiate, got ${seed.op}`);
    emitDispatch(lowering, value, inputs.slice(0, position), (tensors, output) => dispatch(tensors, output, { n, k, scale: seed.value }));
  };
}
