import { EngineError } from "../errors.ts";
import type { Value } from "../graph/graph.ts";
import { pad4 } from "../graph/layout.ts";
import { batchApply } from "../kernels/norm/batch-apply.ts";
import { batchGradApply } from "../kernels/norm/batch-grad-apply.ts";
import { batchGradEval } from "../kernels/norm/batch-grad-eval.ts";
import { batchGradSums, scratchElements as sumsScratch } from "../kernels/norm/batch-grad-sums.ts";
import { batchStatistics, scratchElements as statisticsScratch } from "../kernels/norm/batch-statistics.ts";
import type { NormShape } from "../kernels/norm/channels.ts";
import { normalise } from "../kernels/norm/normalise.ts";
import { normaliseGrad } from "../kernels/norm/normalise-grad.ts";
import { runningUpdate } from "../kernels/norm/running-update.ts";
import { biasGrad, rowsOf } from "./lower-convolution.ts";
import { at, type Lowering, type Rule } from "./lowering.ts";
import { Block } from "./memory.ts";

/** Normalisation of the image and batch norm, in both modes. */
export const normRules = {
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
    const { base, relu } = lowering.input.fusion.chains.get(final)!;
    const [xValue, gammaValue, betaValue, ...running] = lowering.node(base).inputs as [Value, Value, Value, Value, Value];
    const shape = normShape(lowering, base, xValue);
    const { mean, variance } = statistics(lowering, xValue, running, shape);
    const [x, gamma, beta] = [lowering.block(xValue), lowering.block(gammaValue), lowering.block(betaValue)];
    const y = lowering.define(final);
    if (lowering.input.mode === "train") updateRunning(lowering, base, mean, variance, shape);
    lowering.emit(`batch norm ${base}`, { reads: [x, mean, variance, gamma, beta], writes: [y] }, () => [batchApply(at(x), at(mean), at(variance), at(gamma), at(beta), at(y), shape, { relu })]);
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
} satisfies Record<string, Rule>;

/** Mean and biased variance that normalise x: the batch's, computed once, or the running ones. */
function statistics(lowering: Lowering, x: Value, [runningMean, runningVariance]: readonly Value[], shape: NormShape): { mean: Block; variance: Block } {
  if (lowering.input.mode === "eval") return { mean: lowering.block(runningMean!), variance: lowering.block(runningVariance!) };
  return lowering.once(`statistics ${x}`, () => {
    const from = lowering.block(x);
    const [mean, variance] = [vector(`mean ${x}`, shape.c), vector(`variance ${x}`, shape.c)];
    const scratch = lowering.scratch(mean.label, statisticsScratch(shape));
    lowering.emit(`statistics ${x}`, { reads: [from], writes: [mean, variance], scratch }, () => batchStatistics(at(from), at(mean), at(variance), at(scratch[0]!), shape));
    return { mean, variance };
  });
}

/** PyTorch keeps the unbiased variance. */
function updateRunning(lowering: Lowering, norm: Value, mean: Block, variance: Block, { rows, c }: NormShape): void {
  const { operation: { momentum }, inputs } = lowering.node<"batchNorm">(norm);
  if (rows < 2) throw new EngineError("SHAPE_MISMATCH", "plan: expected more than one value per channel to train a batch norm, got 1; use a larger batch");
  const [runningMean, runningVariance] = [lowering.block(inputs[3]!), lowering.block(inputs[4]!)];
  lowering.emit(`running mean ${norm}`, { reads: [mean], writes: [runningMean] }, () => [runningUpdate(at(runningMean), at(mean), momentum, 1, c)]);
  lowering.emit(`running variance ${norm}`, { reads: [variance], writes: [runningVariance] }, () => [runningUpdate(at(runningVariance), at(variance), momentum, rows / (rows - 1), c)]);
}

/** Σ dy and Σ dy·x̂: gradients of beta and gamma, and what dx needs in training mode. Computed once for the three nodes. */
function gradSums(lowering: Lowering, dyValue: Value, xValue: Value, running: readonly Value[], shape: NormShape): { sumDy: Block; sumDyXhat: Block } {
  return lowering.once(`gradient sums ${dyValue} ${xValue}`, () => {
    const { mean, variance } = statistics(lowering, xValue, running, shape);
    const [dy, x] = [lowering.block(dyValue), lowering.block(xValue)];
    const sumDy = wanted(lowering, "batchNormGradBeta", dyValue) ?? vector(`sum dy ${dyValue}`, shape.c);
    const sumDyXhat = wanted(lowering, "batchNormGradGamma", dyValue, xValue) ?? vector(`sum dy xhat ${dyValue}`, shape.c);
    const scratch = lowering.scratch(sumDy.label, sumsScratch(shape));
    lowering.emit(`gradient sums ${dyValue}`, { reads: [dy, x, mean, variance], writes: [sumDy, sumDyXhat], scratch }, () =>
      batchGradSums(at(dy), at(x), at(mean), at(variance), at(sumDy), at(sumDyXhat), at(scratch[0]!), shape));
    return { sumDy, sumDyXhat };
  });
}

/** The block of the node that asks for a sum over dy (and x: two norms that are added share their dy), if the graph has one. */
function wanted(lowering: Lowering, op: "batchNormGradBeta" | "batchNormGradGamma", dy: Value, x?: Value): Block | undefined {
  const index = lowering.input.graph.nodes.findIndex(({ operation, inputs }) => operation.op === op && inputs[0] === dy && (x === undefined || inputs[1] === x));
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
