import type { ElementwiseOperation } from "../../graph/operations/elementwise.ts";
import { addReference } from "../../reference/elementwise/add.ts";
import { reluReference } from "../../reference/elementwise/relu.ts";
import { reluGradReference } from "../../reference/elementwise/relu-grad.ts";
import { unaryReference } from "../../reference/elementwise/unary.ts";
import { unaryGradReference } from "../../reference/elementwise/unary-grad.ts";
import type { Rules } from "../evaluate.ts";
import { as } from "./shapes.ts";

export const elementwiseRules: Rules<ElementwiseOperation> = {
  relu: ({ inputs: [x] }) => reluReference(x!),
  reluGrad: ({ inputs: [dy, y] }) => reluGradReference(dy!, y!),
  add: ({ inputs: [a, b] }) => addReference(a!, b!),
  unary: ({ node, inputs: [x] }) => unaryReference(as(node.operation, "unary").fn, x!),
  unaryGrad: ({ node, inputs: [dy, x] }) => unaryGradReference(as(node.operation, "unaryGrad").fn, dy!, x!),
};
