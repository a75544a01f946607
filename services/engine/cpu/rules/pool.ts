import { poolGeometryOf } from "../../graph/geometry.ts";
import type { PoolOperation } from "../../graph/operations/pool.ts";
import { averagePoolReference } from "../../reference/pool/average-pool.ts";
import { averagePoolGradReference } from "../../reference/pool/average-pool-grad.ts";
import { maxPoolReference } from "../../reference/pool/max-pool.ts";
import { maxPoolGradReference } from "../../reference/pool/max-pool-grad.ts";
import type { Context, Rules } from "../evaluate.ts";

export const poolRules: Rules<PoolOperation> = {
  maxPool: ({ node, inputs: [x], inputNodes }) => maxPoolReference(x!, poolGeometryOf(node.operation, inputNodes[0]!.shape)),
  averagePool: meanPool,
  globalAveragePool: meanPool,
  maxPoolGrad: ({ node, inputs: [dy, x] }) => maxPoolGradReference(x!, dy!, poolGeometryOf(node.operation, node.shape)),
  averagePoolGrad: meanPoolGrad,
  globalAveragePoolGrad: meanPoolGrad,
};

function meanPool({ node, inputs: [x], inputNodes }: Context): Float64Array { return averagePoolReference(x!, poolGeometryOf(node.operation, inputNodes[0]!.shape)); }
function meanPoolGrad({ node, inputs: [dy] }: Context): Float64Array { return averagePoolGradReference(dy!, poolGeometryOf(node.operation, node.shape)); }
