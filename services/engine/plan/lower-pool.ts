import type { Tensor } from "../gpu/tensor.ts";
import type { Dispatch } from "../gpu/kernel.ts";
import { poolGeometryOf } from "../graph/geometry.ts";
import type { Value } from "../graph/graph.ts";
import type { PoolOperation } from "../graph/operations/pool.ts";
import { averagePool } from "../kernels/pool/average-pool.ts";
import { averagePoolGrad } from "../kernels/pool/average-pool-grad.ts";
import type { PoolGeometry } from "../kernels/pool/geometry.ts";
import { maxPool } from "../kernels/pool/max-pool.ts";
import { maxPoolGrad as maxPoolGradient } from "../kernels/pool/max-pool-grad.ts";
import { emitDispatch, type Lowering, type LoweringRules, type Rule } from "./lowering.ts";

export const poolRules: LoweringRules<PoolOperation> = {
  maxPool: pooling(([x], y, g) => maxPool(x!, y, g), "input"),
  averagePool: pooling(([x], y, g) => averagePool(x!, y, g), "input"),
  globalAveragePool: pooling(([x], y, g) => averagePool(x!, y, g), "input"),
  maxPoolGrad,
  averagePoolGrad: pooling(([dy], dx, g) => averagePoolGrad(dy!, dx, g), "output"),
  globalAveragePoolGrad: pooling(([dy], dx, g) => averagePoolGrad(dy!, dx, g), "output"),
};

/** Ends in the gradient of the ReLU that gave its x, where the graph has one. */
function maxPoolGrad(lowering: Lowering, final: Value): void {
  const { base, mask } = lowering.input.fusion.chains.get(final)!;
  const { operation, inputs } = lowering.node(base);
  const g = poolGeometryOf(operation, lowering.shape(base));
  emitDispatch(lowering, final, inputs, ([dy, x, y], dx) => maxPoolGradient(x!, y!, dy!, dx, g, { relu: mask !== undefined }));
}

/** The shape before pooling is that of the first input, or of the output of a gradient. */
function pooling(dispatch: (inputs: readonly Tensor[], output: Tensor, g: PoolGeometry) => Dispatch, large: "input" | "output"): Rule {
  return (lowering, value) => {
    const { operation, inputs } = lowering.node(value);
    const g = poolGeometryOf(operation, lowering.shape(large === "input" ? inputs[0]! : value));
    emitDispatch(lowering, value, inputs, (tensors, output) => dispatch(tensors, output, g));
  };
}
