import type { NormOperation } from "../../graph/operations/norm.ts";
import { batchApplyReference, type NormNchw } from "../../reference/norm/batch-apply.ts";
import { batchGradApplyReference } from "../../reference/norm/batch-grad-apply.ts";
import { batchGradEvalReference } from "../../reference/norm/batch-grad-eval.ts";
import { batchGradSumsReference } from "../../reference/norm/batch-grad-sums.ts";
import { batchStatisticsReference } from "../../reference/norm/batch-statistics.ts";
import { normaliseReference } from "../../reference/norm/normalise.ts";
import { normaliseGradReference } from "../../reference/norm/normalise-grad.ts";
import { runningUpdateReference } from "../../reference/norm/running-update.ts";
import type { Context, Rules } from "../evaluate.ts";
import { sumOfChannels } from "./convolution.ts";
import { as, nchw } from "./shapes.ts";

export const normRules: Rules<NormOperation> = {
  normalise: ({ node, inputs: [x] }) => { const { mean, std } = as(node.operation, "normalise"); return normaliseReference(x!, Float64Array.from(mean), Float64Array.from(std), nchw(node.shape)); },
  normaliseGrad: ({ node, inputs: [dy] }) => normaliseGradReference(dy!, Float64Array.from(as(node.operation, "normaliseGrad").std), nchw(node.shape)),
  batchNorm,
  batchNormGradInput: ({ node, mode, inputs: [dy, x, gamma, runningMean, runningVariance] }) => {
    const shape = { ...nchw(node.shape), epsilon: as(node.operation, "batchNormGradInput").epsilon };
    if (mode === "eval") return batchGradEvalReference(dy!, runningVariance!, gamma!, shape);
    const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
    const { sumDy, sumDyXhat } = batchGradSumsReference(dy!, x!, mean, variance, shape);
    return batchGradApplyReference(dy!, x!, mean, variance, gamma!, sumDy, sumDyXhat, shape);
  },
  batchNormGradGamma: ({ node, mode, inputs: [dy, x, runningMean, runningVariance], inputNodes }) => {
    const shape = { ...nchw(inputNodes[0]!.shape), epsilon: as(node.operation, "batchNormGradGamma").epsilon };
    const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
    return batchGradSumsReference(dy!, x!, mean, variance, shape).sumDyXhat;
  },
  batchNormGradBeta: sumOfChannels,
};

function batchNorm({ node, mode, inputs: [x, gamma, beta, runningMean, runningVariance], setState }: Context): Float64Array {
  const { epsilon, momentum } = as(node.operation, "batchNorm");
  const shape = { ...nchw(node.shape), epsilon };
  const { mean, variance } = statistics(mode, x!, runningMean!, runningVariance!, shape);
  if (mode === "train") {
    const rows = shape.n * shape.h * shape.w;
    setState(3, runningUpdateReference(runningMean!, mean, momentum, 1));
    setState(4, runningUpdateReference(runningVariance!, variance, momentum, rows / (rows - 1)));
  }
  return batchApplyReference(x!, mean, variance, gamma!, beta!, shape);
}

function statistics(mode: Context["mode"], x: Float64Array, mean: Float64Array, variance: Float64Array, shape: NormNchw): { mean: Float64Array; variance: Float64Array } {
  return mode === "eval" ? { mean, variance } : batchStatisticsReference(x, shape);
}
