import { type MatMulOperation, productOf } from "../graph/operations/matmul.ts";
import { matMul } from "../kernels/matmul/mat-mul.ts";
import { productScratch } from "../kernels/matmul/product.ts";
import { at, type LoweringRules, type Rule } from "./lowering.ts";

const multiply: Rule = (lowering, value) => {
  const { operation, inputs, shape } = lowering.node<MatMulOperation["op"]>(value);
  const product = productOf(operation, inputs.map((input) => lowering.shape(input)), shape);
  const [a, b] = inputs.map((input) => lowering.block(input));
  const y = lowering.define(value);
  const [scratch] = lowering.scratch(y.label, productScratch(product));
  const { family } = lowering.input.gpu;
  lowering.emit(`${operation.op} ${value}`, { reads: [a!, b!], writes: [y], scratch: scratch ? [scratch] : [] }, () => matMul(family, at(a!), at(b!), at(y), product, scratch && at(scratch)));
};

export const matMulRules: LoweringRules<MatMulOperation> = { matMul: multiply, matMulGradLeft: multiply, matMulGradRight: multiply };
