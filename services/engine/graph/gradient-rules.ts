import type { Tape } from "./differentiate.ts";
import type { Operation, OperationOf, Shape, Value } from "./graph.ts";

/** The gradient that one input of the node `y` receives when the node's own is `dy`, as a new node. */
type Rule = (tape: Tape, y: Value, dy: Value) => Value;

/** Convolution and linear map alike: [x, w, bias?]. */
const conv2d: readonly Rule[] = [
  (tape, y, dy) => { const { op: _, ...geometry } = attributes<"conv2d">(tape, y); return tape.push({ op: "conv2dGradInput", ...geometry }, [dy, input(tape, y, 1)], shapeOfInput(tape, y, 0)); },
  (tape, y, dy) => { const { op: _, ...geometry } = attributes<"conv2d">(tape, y); return tape.push({ op: "conv2dGradWeight", ...geometry }, [input(tape, y, 0), dy], shapeOfInput(tape, y, 1)); },
  (tape, y, dy) => tape.push({ op: "biasGrad" }, [dy], shapeOfInput(tape, y, 2)),
];

const linear: readonly Rule[] = [
  (tape, y, dy) => tape.push({ op: "linearGradInput" }, [dy, input(tape, y, 1)], shapeOfInput(tape, y, 0)),
  (tape, y, dy) => tape.push({ op: "linearGradWeight" }, [input(tape, y, 0), dy], shapeOfInput(tape, y, 1)),
  (tape, y, dy) => tape.push({ op: "biasGrad" }, [dy], shapeOfInput(tape, y, 2)),
];

/** [x, gamma, beta]; running statistics have no gradient. */
const batchNorm: readonly Rule[] = [
  (tape, y, dy) => {
    const [x, gamma, , mean, variance] = tape.node(y).inputs;
    return tape.push({ op: "batchNormGradInput", epsilon: attributes<"batchNorm">(tape, y).epsilon }, [dy, x!, gamma!, mean!, variance!], shapeOfInput(tape, y, 0));
  },
  (tape, y, dy) => {
    const [x, , , mean, variance] = tape.node(y).inputs;
    return tape.push({ op: "batchNormGradGamma", epsilon: attributes<"batchNorm">(tape, y).epsilon }, [dy, x!, mean!, variance!], shapeOfInput(tape, y, 1));
  },
  (tape, y, dy) => tape.push({ op: "batchNormGradBeta" }, [dy], shapeOfInput(tape, y, 2)),
];

/** By operation, then by input. What is not here has no gradient: differentiate.ts names it. */
export const gradientRules: Partial<Record<Operation["op"], readonly Rule[]>> = {
  normalise: [(tape, y, dy) => tape.push({ op: "normaliseGrad", std: attributes<"normalise">(tape, y).std }, [dy], shapeOfInput(tape, y, 0))],
  conv2d,
  linear,
  batchNorm,
  relu: [(tape, y, dy) => tape.push({ op: "reluGrad" }, [dy, y], shapeOfInput(tape, y, 0))],
  add: [(_, __, dy) => dy, (_, __, dy) => dy],
  maxPool: [(tape, y, dy) => tape.push({ ...attributes<"maxPool">(tape, y), op: "maxPoolGrad" }, [dy, input(tape, y, 0), y], shapeOfInput(tape, y, 0))],
  averagePool: [(tape, y, dy) => tape.push({ ...attributes<"averagePool">(tape, y), op: "averagePoolGrad" }, [dy], shapeOfInput(tape, y, 0))],
  globalAveragePool: [(tape, y, dy) => tape.push({ op: "globalAveragePoolGrad" }, [dy], shapeOfInput(tape, y, 0))],
  flatten: [(tape, y, dy) => tape.push({ op: "unflatten" }, [dy], shapeOfInput(tape, y, 0))],
  softmaxCrossEntropy: [(tape, y, dy) => tape.push({ op: "softmaxCrossEntropyGrad" }, [...tape.node(y).inputs, dy], shapeOfInput(tape, y, 0))],
  selectLogit: [(tape, y, dy) => tape.push({ op: "selectLogitGrad" }, [input(tape, y, 1), dy], shapeOfInput(tape, y, 0))],
};

function attributes<O extends Operation["op"]>(tape: Tape, y: Value): OperationOf<O> { return tape.node(y).operation as OperationOf<O>; }
function input(tape: Tape, y: Value, position: number): Value { return tape.node(y).inputs[position]!; }
function shapeOfInput(tape: Tape, y: Value, position: number): Shape { return tape.node(input(tape, y, position)).shape; }
