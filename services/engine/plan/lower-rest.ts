import { EngineError } from "../errors.ts";
import { elements, type Tensor } from "../gpu/tensor.ts";
import type { Dispatch } from "../gpu/kernel.ts";
import { poolGeometryOf } from "../graph/geometry.ts";
import type { Value } from "../graph/graph.ts";
import { add } from "../kernels/elementwise/add.ts";
import { relu } from "../kernels/elementwise/relu.ts";
import { reluGrad } from "../kernels/elementwise/relu-grad.ts";
import { selectLogit } from "../kernels/loss/select-logit.ts";
import { selectLogitGrad } from "../kernels/loss/select-logit-grad.ts";
import { softmaxCrossEntropy } from "../kernels/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyGrad } from "../kernels/loss/softmax-cross-entropy-grad.ts";
import { averagePool } from "../kernels/pool/average-pool.ts";
import { averagePoolGrad } from "../kernels/pool/average-pool-grad.ts";
import type { PoolGeometry } from "../kernels/pool/geometry.ts";
import { maxPool } from "../kernels/pool/max-pool.ts";
import { maxPoolGrad as maxPoolGradient } from "../kernels/pool/max-pool-grad.ts";
import { at, type Lowering, type Rule } from "./lowering.ts";

/** Elementwise operations, pooling, losses, and what costs nothing. */
export const otherRules = {
  relu: simple(([x], y, n) => relu(x!, y, n)),
  add: simple(([a, b], y, n) => add(a!, b!, y, n)),
  reluGrad: simple(([dy, y], dx, n) => reluGrad(dy!, y!, dx, n)),
  maxPool: pooling(([x], y, g) => maxPool(x!, y, g), "input"),
  averagePool: pooling(([x], y, g) => averagePool(x!, y, g), "input"),
  globalAveragePool: pooling(([x], y, g) => averagePool(x!, y, g), "input"),
  maxPoolGrad,
  averagePoolGrad: pooling(([dy], dx, g) => averagePoolGrad(dy!, dx, g), "output"),
  globalAveragePoolGrad: pooling(([dy], dx, g) => averagePoolGrad(dy!, dx, g), "output"),
  flatten: (lowering, value) => { lowering.alias(value, lowering.node(value).inputs[0]!); },
  unflatten: (lowering, value) => { lowering.alias(value, lowering.node(value).inputs[0]!); },
  softmaxCrossEntropy: perImage(([logits, labels], loss, shape) => softmaxCrossEntropy(logits!, labels!, loss, shape)),
  selectLogit: perImage(([logits, labels], y, shape) => selectLogit(logits!, labels!, y, shape)),
  softmaxCrossEntropyGrad: seeded(2, ([logits, labels], dx, shape) => softmaxCrossEntropyGrad(logits!, labels!, dx, shape)),
  selectLogitGrad: seeded(1, ([labels], dx, shape) => selectLogitGrad(labels!, dx, shape)),
  seed: () => undefined, // a scalar parameter of the kernel that reads it
} satisfies Record<string, Rule>;

/** Ends in the gradient of the ReLU that gave its x, where the graph has one. */
function maxPoolGrad(lowering: Lowering, final: Value): void {
  const { base, mask } = lowering.input.fusion.chains.get(final)!;
  const { operation, inputs } = lowering.node(base);
  const g = poolGeometryOf(operation, lowering.shape(base));
  unit(lowering, final, inputs, ([dy, x, y], dx) => maxPoolGradient(x!, y!, dy!, dx, g, { relu: mask !== undefined }));
}

/** A dispatch that reads `inputs` and writes the value. */
function unit(lowering: Lowering, value: Value, inputs: readonly Value[], dispatch: (inputs: readonly Tensor[], output: Tensor) => Dispatch): void {
  const reads = inputs.map((input) => lowering.block(input));
  const y = lowering.define(value);
  lowering.emit(`${lowering.node(value).operation.op} ${value}`, { reads, writes: [y] }, () => [dispatch(reads.map(at), at(y))]);
}

function simple(dispatch: (inputs: readonly Tensor[], output: Tensor, n: number) => Dispatch): Rule {
  return (lowering, value) => { unit(lowering, value, lowering.node(value).inputs, (inputs, output) => dispatch(inputs, output, elements(output.shape))); };
}

/** The shape before pooling is that of the first input, or of the output of a gradient. */
function pooling(dispatch: (inputs: readonly Tensor[], output: Tensor, g: PoolGeometry) => Dispatch, large: "input" | "output"): Rule {
  return (lowering, value) => {
    const { operation, inputs } = lowering.node(value);
    const g = poolGeometryOf(operation, lowering.shape(large === "input" ? inputs[0]! : value));
    unit(lowering, value, inputs, (tensors, output) => dispatch(tensors, output, g));
  };
}

function perImage(dispatch: (inputs: readonly Tensor[], output: Tensor, shape: { n: number; k: number }) => Dispatch): Rule {
  return (lowering, value) => {
    const { inputs } = lowering.node(value);
    const [n, k] = logitShape(lowering, inputs[0]!);
    unit(lowering, value, inputs, (tensors, output) => dispatch(tensors, output, { n, k }));
  };
}

/** Gradients with respect to logits, whose incoming gradient must be the constant of a seed: input number `position`. */
function seeded(position: number, dispatch: (inputs: readonly Tensor[], output: Tensor, shape: { n: number; k: number; scale: number }) => Dispatch): Rule {
  return (lowering, value) => {
    const { operation, inputs } = lowering.node(value);
    const [n, k] = logitShape(lowering, value);
    const seed = lowering.node(inputs[position]!).operation;
    if (seed.op !== "seed") throw new EngineError("SHAPE_MISMATCH", `plan: expected ${operation.op} to start from the seed of differentiate, got ${seed.op}`);
    unit(lowering, value, inputs.slice(0, position), (tensors, output) => dispatch(tensors, output, { n, k, scale: seed.value }));
  };
}

function logitShape(lowering: Lowering, logits: Value): [number, number] {
  const layout = lowering.layout(logits);
  const [n, k] = lowering.shape(logits) as [number, number];
  if (layout.kind !== "features" || layout.spatial[0] !== k) throw new EngineError("SHAPE_MISMATCH", `plan: expected logits from a linear layer or a pooled activation, got ${JSON.stringify(layout)}`);
  return [n, k];
}
