import type { BroadcastOperation } from "../../graph/operations/broadcast.ts";
import { binaryReference } from "../../reference/elementwise/binary.ts";
import { whereReference } from "../../reference/elementwise/where.ts";
import { expandReference } from "../../reference/tensor/expand.ts";
import { reduceMaxGradReference, reduceReference } from "../../reference/tensor/reduce.ts";
import type { Rules } from "../evaluate.ts";
import { as } from "./shapes.ts";

export const broadcastRules: Rules<BroadcastOperation> = {
  binary: ({ node, inputs, inputNodes }) => {
    const [a, b] = inputs.map((x, i) => expandReference(x, inputNodes[i]!.shape, node.shape));
    return binaryReference(as(node.operation, "binary").fn, a!, b!);
  },
  where: ({ inputs: [condition, a, b] }) => whereReference(condition!, a!, b!),
  reduce: ({ node, inputs: [x], inputNodes }) => { const { fn, axes } = as(node.operation, "reduce"); return reduceReference(fn, x!, inputNodes[0]!.shape, axes); },
  reduceMaxGrad: ({ node, inputs: [dy, x], inputNodes }) => reduceMaxGradReference(dy!, x!, inputNodes[1]!.shape, as(node.operation, "reduceMaxGrad").axes),
};
