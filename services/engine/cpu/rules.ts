import type { LeafOperation, Operation } from "../graph/graph.ts";
import type { Rules } from "./evaluate.ts";
import { broadcastRules } from "./rules/broadcast.ts";
import { convolutionRules } from "./rules/convolution.ts";
import { elementwiseRules } from "./rules/elementwise.ts";
import { groupNormRules } from "./rules/group-norm.ts";
import { lossRules } from "./rules/loss.ts";
import { matMulRules } from "./rules/matmul.ts";
import { normRules } from "./rules/norm.ts";
import { poolRules } from "./rules/pool.ts";
import { shapeRules } from "./rules/shape.ts";
import { softmaxRules } from "./rules/softmax.ts";

/** Every operation but the leaves, by its twin. Inputs as the comments of graph/operations name them. */
export const rules: Rules<Exclude<Operation, LeafOperation>> = { ...convolutionRules, ...matMulRules, ...normRules, ...groupNormRules, ...elementwiseRules, ...broadcastRules, ...poolRules, ...shapeRules, ...softmaxRules, ...lossRules };
