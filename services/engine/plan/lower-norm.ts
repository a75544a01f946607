import type { OperationOf, Value } from "../graph/graph.ts";
import { pad4 } from "../graph/layout.ts";
import type { NormOperation } from "../graph/operations/norm.ts";
import { batchApply } from "../kernels/norm/batch-apply.ts";
import { batchGradApply } from "../kernels/norm/batch-grad-apply.ts";
import { batchGradEval } from "../kernels/norm/batch-grad-eval.ts";
import { batchGradSums, scratchElements as sumsScratch } from "../kernels/norm/batch-grad-sums.ts";
import { batchStatistics, scratchElements as statisticsScratch } from "../kernels/norm/batch-statistics.ts";
import type { NormShape } from "../kernels/norm/channels.ts";
import { normalise } from "../kernels/norm/normalise.ts";
import { normaliseGrad } from "../kernels/norm/normalise-grad.ts";
import { biasGrad, present, rowsOf } from "./lower-convolution.ts";
import { at, type Lowering, type LoweringRules } from "./lowering.ts";
import { Block } from "./memory.ts";

/** Normalisation of the image and batch norm, in both modes. */
export const normRules: LoweringRules<NormOperation> = {
  normalise(lowering, value) {
    const { operation: { mean, std }, inputs: [image] } = lowering.node<"normalise">(value);
    const [x, m, s] = [lowering.block(image!), lowering.constant("mean", mean), lowering.constant("deviation", std)];
    const y = lowering.define(value);
    const shape = imageShape(lowering, value);
    lowering.emit("normalise", { reads: [x, m, s], writes: [y] }, () => [normalise(at(x), at(y), at(m), at(s), shape)]);
  },
  normaliseGrad(lowering, value) {
    const { operation: { std }, inputs: [dyValue] } = lowering.node<"normaliseGrad">(value);
    const [dy, s] = [lowering.block(dyValue!), lowering.constant("deviation", std)];
    const dx = lowering.define(value);
    const shape = imageShape(lowering, value);
    lowering.emit("normalise grad", { reads: [dy, s], writes: [dx] }, () => [normaliseGrad(at(dy), at(dx), at(s), shape)]);
  },
  batchNorm(lowering, final) {
    const { base, residual, relu } = lowering.input.fusion.chains.get(final)!;
    const [xValue, gammaValue, betaValue, ...running] = lowering.node(base).inputs as [Value, Value, Value, Value, Value];
    const shape = normShape(lowering, base, xValue);
    const { mean, variance } = statistics(lowering, xValue, running, shape);
    const [x, gamma, beta] = [lowering.block(xValue), lowering.block(gammaValue), lowering.block(betaValue)];
    const added = residual === undefined ? undefined : lowering.block(residual);
    const y = lowering.define(final);
    lowering.emit(`batch norm ${base}`, { reads: present(x, mean, variance, gamma, beta, added), writes: [y] }, () =>
      [batchApply(at(x), at(mean), at(variance), at(gamma), at(beta), at(y), shape, { residual: added && at(added), relu })]);
  },
  batchNormGradInput(lowering, value) {
    const [dyValue, xValue, gammaValue, ...running] = lowering.node(value).inputs as [Value, Value, Value, Value, Value];
    const shape = normShape(lowering, value, xValue);
    const { mean, variance } = statistics(lowering, xValue, running, shape);
    const [dy, gamma] = [lowering.block(dyValue), lowering.block(gammaValue)];
    const label = `batch norm grad ${value}`;
    if (lowering.input.mode === "eval") {
      const dx = lowering.define(value);
      lowering.emit(label, { reads: [dy, variance, gamma], writes: [dx] }, () => [batchGradEval(at(dy), at(variance), at(gamma), at(dx), shape)]);
      return;
    }
    const x = lowering.block(xValue);
    const { sumDy, sumDyXhat } = gradSums(lowering, dyValue, xValue, running, shape);
    const dx = lowering.define(value);
    lowering.emit(label, { reads: [dy, x, mean, variance, gamma, sumDy, sumDyXhat], writes: [dx] }, () => [batchGradApply(at(dy), at(x), at(mean), at(variance), at(gamma), at(sumDy), at(sumDyXhat), at(dx), shape)]);
  },
  batchNormGradGamma(lowering, value) {
    const [dyValue, xValue, ...running] = lowering.node(value).inputs as [Value, Value, Value, Value];
    gradSums(lowering, dyValue, xValue, running, normShape(lowering, value, xValue));
  },
  /** Comes with the sums for gamma or dx where those are computed (they precede it in the graph). */
  batchNormGradBeta(lowering, value) { if (!lowering.has(value)) biasGrad(lowering, value); },
};

/** Mean and biased variance that normalise x: the running ones, or the batch's, computed once for the norm and its gradients, which moves the running ones. */
function statistics(lowering: Lowering, x: Value, [meanValue, varianceValue]: readonly Value[], shape: NormShape): { mean: Block; variance: Block } {
  const [runningMean, runningVariance] = [lowering.block(meanValue!), lowering.block(varianceValue!)];
  if (lowering.input.mode === "eval") return { mean: runningMean, variance: runningVariance };
  return lowering.once(`statistics ${x} ${meanValue}`, () => {
    const from = lowering.block(x);
    const [mean, variance] = [vector(`mean ${x}`, shape.c), vector(`variance ${x}`, shape.c)];
    const scratch = lowering.scratch(mean.label, statisticsScratch(shape));
    lowering.emit(`statistics ${x}`, { reads: [from], writes: [mean, variance, runningMean, runningVariance], scratch }, () =>
      batchStatistics(at(from), { mean: at(mean), variance: at(variance), runningMean: at(runningMean), runningVariance: at(runningVariance) }, at(scratch[0]!), shape, momentumOf(lowering, x, meanValue!)));
    return { mean, variance };
  });
}

/** The norm's own; its gradients, which may stand in the graph without it, do not know it. */
function momentumOf({ input: { graph } }: Lowering, x: Value, runningMean: Value): number {
  const norm = graph.nodes.find(({ operation, inputs }) => operation.op === "batchNorm" && inputs[0] === x && inputs[3] === runningMean);
  return (norm?.operation as OperationOf<"batchNorm"> | undefined)?.momentum ?? 0;
}

/** Σ dy and Σ dy·x̂: gradients of beta and gamma, and what dx needs in training mode. Computed once for the three nodes. */
function gradSums(lowering: Lowering, dyValue: Value, xValue: Value, running: readonly Value[], shape: NormShape): { sumDy: Block; sumDyXhat: Block } {
  return lowering.once(`gradient sums ${dyValue} ${xValue} ${running[0]}`, () => {
    const { mean, variance } = statistics(lowering, xValue, running, shape);
    const [dy, x] = [lowering.block(dyValue), lowering.block(xValue)];
    const sumDy = wanted(lowering, "batchNormGradBeta", [dyValue]) ?? vector(`sum dy ${dyValue}`, shape.c);
    const sumDyXhat = wanted(lowering, "batchNormGradGamma", [dyValue, xValue, ...running]) ?? vector(`sum dy xhat ${dyValue}`, shape.c);
    const scratch = lowering.scratch(sumDy.label, sumsScratch(shape));
    lowering.emit(`gradient sums ${dyValue}`, { reads: [dy, x, mean, variance], writes: [sumDy, sumDyXhat], scratch }, () =>
      batchGradSums(at(dy), at(x), at(mean), at(variance), at(sumDy), at(sumDyXhat), at(scratch[0]!), shape));
    return { sumDy, sumDyXhat };
  });
}

/** The block of the node that asks for a sum, if the graph has one. Norms that are added share their dy, so all its operands must be the same. */
function wanted(lowering: Lowering, op: "batchNormGradBeta" | "batchNormGradGamma", operands: readonly Value[]): Block | undefined {
  const index = lowering.input.graph.nodes.findIndex(({ operation, inputs }) => operation.op === op && operands.every((operand, i) => inputs[i] === operand));
  return index < 0 ? undefined : lowering.define(index as Value);
}

function vector(label: string, c: number): Block { return new Block(label, [pad4(c)]); }

function channelShape(lowering: Lowering, x: Value): { rows: number; c: number } { return { rows: rowsOf(lowering.shape(x)), c: lowering.shape(x)[1]! }; }

function normShape(lowering: Lowering, value: Value, x: Value): NormShape {
  return { ...channelShape(lowering, x), epsilon: lowering.node<"batchNorm" | "batchNormGradInput" | "batchNormGradGamma">(value).operation.epsilon };
}

function imageShape(lowering: Lowering, value: Value): { n: number; c: number; h: number; w: number } {
  const [n, c, h, w] = lowering.shape(value) as [number, number, number, number];
  return { n, c, h, w };
}
