import { type MatMulOperation, transposed } from "../../graph/operations/matmul.ts";
import { matMulReference } from "../../reference/matmul/mat-mul.ts";
import type { Context, Rules } from "../evaluate.ts";

export const matMulRules: Rules<MatMulOperation> = { matMul: multiply, matMulGradLeft: multiply, matMulGradRight: multiply };

function multiply({ node, inputs: [a, b], inputNodes: [from, by] }: Context): Float64Array {
  return matMulReference(a!, b!, { a: from!.shape, b: by!.shape, y: node.shape, ...transposed(node.operation.op as MatMulOperation["op"]) });
}
