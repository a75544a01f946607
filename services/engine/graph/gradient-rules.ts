import { broadcastGradients } from "./operations/broadcast.ts";
import { convolutionGradients } from "./operations/convolution.ts";
import { elementwiseGradients } from "./operations/elementwise.ts";
import { groupNormGradients } from "./operations/group-norm.ts";
import { lossGradients } from "./operations/loss.ts";
import { matMulGradients } from "./operations/matmul.ts";
import { normGradients } from "./operations/norm.ts";
import { poolGradients } from "./operations/pool.ts";
import { shapeGradients } from "./operations/shape.ts";
import { softmaxGradients } from "./operations/softmax.ts";
import type { GradientRules } from "./tape.ts";

export const gradientRules: GradientRules = { ...convolutionGradients, ...matMulGradients, ...normGradients, ...groupNormGradients, ...elementwiseGradients, ...broadcastGradients, ...poolGradients, ...shapeGradients, ...softmaxGradients, ...lossGradients };
