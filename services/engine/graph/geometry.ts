import { EngineError } from "../errors.ts";
import { type ConvGeometry, convGeometry, linearGeometry } from "../kernels/conv/geometry.ts";
import { type PoolGeometry, poolGeometry } from "../kernels/pool/geometry.ts";
import type { Graph, Operation, Shape, Value } from "./graph.ts";
import { type Layout, rowLength } from "./physical.ts";

/** Sizes of a convolution or of one of its gradients, or of the convolution that one transposes. @param x, w logical shapes of its input and weight. */
export function convGeometryOf(operation: Operation, [n, c, h, width]: Shape, [k, , kh, kw]: Shape): ConvGeometry {
  if (!("groups" in operation) || !("stride" in operation)) throw new EngineError("SHAPE_MISMATCH", `geometry: expected a convolution, got ${operation.op}`);
  return convGeometry({ n: n!, c: c!, h: h!, w: width! }, { k: k!, kh: kh!, kw: kw!, stride: operation.stride, padding: operation.padding, dilation: operation.dilation, groups: operation.groups });
}

/**
 * Sizes of a product of a convolution or linear layer: `node` has the attributes, `x` and `weight` are any values of the
 * shapes of its input and weight.
 */
export function productGeometry({ nodes }: Graph, layouts: readonly Layout[], node: Value, x: Value, weight: Value): ConvGeometry {
  const [input, w] = [nodes[x]!.shape, nodes[weight]!.shape];
  const layout = layouts[weight]!;
  return layout.kind === "linearWeight" ? linearGeometry(input[0]!, rowLength(layout.spatial), w[0]!) : convGeometryOf(nodes[node]!.operation, input, w);
}

/** Sizes of a pooling operation or of its gradient. @param x logical shape before pooling. */
export function poolGeometryOf(operation: Operation, [n, c, h, w]: Shape): PoolGeometry {
  const size = { n: n!, c: c!, h: h!, w: w! };
  switch (operation.op) {
    case "globalAveragePool": case "globalAveragePoolGrad": return poolGeometry("averagePool", { ...size, window: [h!, w!], stride: 1 });
    case "maxPool": case "maxPoolGrad": return poolGeometry("maxPool", { ...size, ...operation });
    case "averagePool": case "averagePoolGrad": return poolGeometry("averagePool", { ...size, ...operation });
    default: throw new EngineError("SHAPE_MISMATCH", `geometry: expected a pooling operation, got ${operation.op}`);
  }
}
