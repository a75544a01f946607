import { type GroupedNorm, type GroupNormOperation, groupsOf, localResponseOf } from "../../graph/operations/group-norm.ts";
import { groupApplyReference } from "../../reference/norm/group-apply.ts";
import { groupGradApplyReference, groupGradSumsReference } from "../../reference/norm/group-grad.ts";
import { groupGradAffineReference } from "../../reference/norm/group-grad-affine.ts";
import { groupStatisticsReference } from "../../reference/norm/group-statistics.ts";
import { localResponseReference } from "../../reference/norm/local-response.ts";
import { localResponseGradReference } from "../../reference/norm/local-response-grad.ts";
import type { Context, Rules } from "../evaluate.ts";
import { as } from "./shapes.ts";

export const groupNormRules: Rules<GroupNormOperation> = {
  layerNorm: forward, groupNorm: forward,
  groupedNormGradInput: ({ node, inputs: [dy, x, gamma] }) => {
    const { of } = as(node.operation, "groupedNormGradInput");
    const shape = groupsOf(of, node.shape);
    const statistics = groupStatisticsReference(x!, shape, of.epsilon);
    return groupGradApplyReference(dy!, x!, statistics, groupGradSumsReference(dy!, x!, statistics, shape, gamma), shape, gamma);
  },
  groupedNormGradGamma: (context) => affineGradients(context, as(context.node.operation, "groupedNormGradGamma").of).dgamma,
  groupedNormGradBeta: (context) => affineGradients(context, as(context.node.operation, "groupedNormGradBeta").of).dbeta,
  lrn: ({ node, inputs: [x] }) => localResponseReference(x!, localResponseOf(as(node.operation, "lrn"), node.shape)),
  lrnGrad: ({ node, inputs: [dy, x] }) => localResponseGradReference(dy!, x!, localResponseOf(as(node.operation, "lrnGrad"), node.shape)),
};

function forward({ node, inputs: [x, gamma, beta] }: Context): Float64Array {
  const norm = node.operation as GroupedNorm;
  const shape = groupsOf(norm, node.shape);
  return groupApplyReference(x!, groupStatisticsReference(x!, shape, norm.epsilon), shape, { gamma, beta });
}

function affineGradients({ inputs: [dy, x], inputNodes }: Context, of: GroupedNorm): { dgamma: Float64Array; dbeta: Float64Array } {
  const shape = groupsOf(of, inputNodes[1]!.shape);
  return groupGradAffineReference(dy!, x!, groupStatisticsReference(x!, shape, of.epsilon), shape);
}
