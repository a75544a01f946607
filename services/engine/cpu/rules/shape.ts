import type { ShapeOperation } from "../../graph/operations/shape.ts";
import { axisMapReference } from "../../reference/tensor/axis-map.ts";
import { concatGradReference, concatReference } from "../../reference/tensor/concat.ts";
import { expandReference } from "../../reference/tensor/expand.ts";
import { transposeReference } from "../../reference/tensor/transpose.ts";
import type { Context, Rules } from "../evaluate.ts";
import { as } from "./shapes.ts";

export const shapeRules: Rules<ShapeOperation> = {
  flatten: same, unflatten: same, reshape: same, relayout: same,
  transpose: ({ node, inputs: [x], inputNodes }) => transposeReference(x!, inputNodes[0]!.shape, as(node.operation, "transpose").permutation),
  expand: ({ node, inputs: [x], inputNodes }) => expandReference(x!, inputNodes[0]!.shape, node.shape),
  concat: ({ node, inputs, inputNodes }) => concatReference(inputs, inputNodes.map(({ shape }) => shape), as(node.operation, "concat").axis),
  concatGrad: ({ node, inputs: [dy], inputNodes }) => concatGradReference(dy!, inputNodes[0]!.shape, { ...as(node.operation, "concatGrad"), shape: node.shape }),
  axisMap: ({ node, inputs: [x], inputNodes }) => axisMapReference(x!, inputNodes[0]!.shape, as(node.operation, "axisMap")),
};

function same({ inputs: [x] }: Context): Float64Array { return x!; }
