import type { Value } from "../graph/graph.ts";
import { type GroupedNorm, type GroupNormOperation, groupsOf, localResponseOf } from "../graph/operations/group-norm.ts";
import { groupApply } from "../kernels/norm/group-apply.ts";
import { groupGradApply } from "../kernels/norm/group-grad-apply.ts";
import { affineScratchElements, groupGradAffine } from "../kernels/norm/group-grad-affine.ts";
import { groupGradSums } from "../kernels/norm/group-grad-sums.ts";
import { groupStatistics } from "../kernels/norm/group-statistics.ts";
import type { GroupShape } from "../kernels/norm/groups.ts";
import { localResponse } from "../kernels/norm/local-response.ts";
import { localResponseGrad } from "../kernels/norm/local-response-grad.ts";
import { at, emitDispatch, type Lowering, type LoweringRules } from "./lowering.ts";
import { Block } from "./memory.ts";

/** Layer, group and instance norm, and local response normalisation. */
export const groupNormRules: LoweringRules<GroupNormOperation> = {
  layerNorm: forward, groupNorm: forward,
  groupedNormGradInput(lowering, value) {
    const { operation: { of }, inputs: [dyValue, xValue, gammaValue] } = lowering.node<"groupedNormGradInput">(value);
    const { shape, block: statistics } = statisticsOf(lowering, of, xValue!);
    const [dy, x, gamma] = [lowering.block(dyValue!), lowering.block(xValue!), optional(lowering, gammaValue)];
    const dx = lowering.define(value);
    const [sums] = lowering.scratch(dx.label, 2 * shape.groups);
    lowering.emit(`${of.op} grad ${value}`, { reads: [dy, x, statistics, ...(gamma ? [gamma] : [])], writes: [dx], scratch: [sums!] }, () => [
      groupGradSums(at(dy), at(x), at(statistics), at(sums!), shape, gamma && at(gamma)),
      groupGradApply(at(dy), at(x), at(statistics), at(sums!), at(dx), shape, gamma && at(gamma)),
    ]);
  },
  groupedNormGradGamma: (lowering, value) => { affineGradients(lowering, value); },
  groupedNormGradBeta: (lowering, value) => { affineGradients(lowering, value); },
  lrn(lowering, value) {
    const { operation, inputs, shape } = lowering.node<"lrn">(value);
    emitDispatch(lowering, value, inputs, ([x], y) => localResponse(x!, y, localResponseOf(operation, shape)));
  },
  lrnGrad(lowering, value) {
    const { operation, inputs, shape } = lowering.node<"lrnGrad">(value);
    emitDispatch(lowering, value, inputs, ([dy, x], dx) => localResponseGrad(dy!, x!, dx, localResponseOf(operation, shape)));
  },
};

function forward(lowering: Lowering, value: Value): void {
  const { operation, inputs: [xValue, gammaValue, betaValue] } = lowering.node<GroupedNorm["op"]>(value);
  const { shape, block: statistics } = statisticsOf(lowering, operation, xValue!);
  const [x, gamma, beta] = [lowering.block(xValue!), optional(lowering, gammaValue), optional(lowering, betaValue)];
  const y = lowering.define(value);
  lowering.emit(`${operation.op} ${value}`, { reads: [x, statistics, gamma, beta].filter((block) => block !== undefined), writes: [y] }, () =>
    [groupApply(at(x), at(statistics), at(y), shape, { gamma: gamma && at(gamma), beta: beta && at(beta) })]);
}

/** Mean and inverse deviation of each group, computed once for the norm and its gradients. */
function statisticsOf(lowering: Lowering, norm: GroupedNorm, xValue: Value): { shape: GroupShape; block: Block } {
  const shape = groupsOf(norm, lowering.shape(xValue));
  const block = lowering.once(`group statistics ${xValue} ${shape.groups} ${norm.epsilon}`, () => {
    const [x, statistics] = [lowering.block(xValue), new Block(`statistics ${xValue}`, [shape.groups, 2])];
    lowering.emit(`group statistics ${xValue}`, { reads: [x], writes: [statistics] }, () => [groupStatistics(at(x), at(statistics), shape, norm.epsilon)]);
    return statistics;
  });
  return { shape, block };
}

/** The gradients of gamma and beta come from one pass, for whichever node asks first; the other finds its own written. */
function affineGradients(lowering: Lowering, value: Value): void {
  if (lowering.has(value)) return;
  const { operation: { op, of }, inputs: [dyValue, xValue] } = lowering.node<"groupedNormGradGamma" | "groupedNormGradBeta">(value);
  const { shape, block: statistics } = statisticsOf(lowering, of, xValue!);
  const [dy, x] = [lowering.block(dyValue!), lowering.block(xValue!)];
  const [own, other] = [lowering.define(value), companion(lowering, value) ?? new Block(`companion of ${op} ${value}`, [shape.channels])];
  const [dgamma, dbeta] = op === "groupedNormGradGamma" ? [own, other] : [other, own];
  const [gammaParts, betaParts] = lowering.scratch(own.label, affineScratchElements(shape), affineScratchElements(shape));
  lowering.emit(`${of.op} affine grad ${value}`, { reads: [dy, x, statistics], writes: [dgamma, dbeta], scratch: [gammaParts!, betaParts!] }, () =>
    groupGradAffine(at(dy), at(x), at(statistics), at(dgamma), at(dbeta), [at(gammaParts!), at(betaParts!)], shape));
}

/** The block of the node that asks for the other gradient of the same norm, if the graph has one that is not yet computed. */
function companion(lowering: Lowering, value: Value): Block | undefined {
  const { operation: { op, of }, inputs } = lowering.node<"groupedNormGradGamma" | "groupedNormGradBeta">(value);
  const wanted = op === "groupedNormGradGamma" ? "groupedNormGradBeta" : "groupedNormGradGamma";
  const index = lowering.input.graph.nodes.findIndex((node) => node.operation.op === wanted && node.operation.of === of && node.inputs.every((input, i) => input === inputs[i]));
  return index < 0 || lowering.has(index as Value) ? undefined : lowering.define(index as Value);
}

function optional(lowering: Lowering, value: Value | undefined): Block | undefined { return value === undefined ? undefined : lowering.block(value); }
