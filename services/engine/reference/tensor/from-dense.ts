import { packActivation } from "../../graph/layout.ts";
import type { Planes } from "../../graph/physical.ts";

/** Dense [n, c, s] → channels last in fours [n, s, pad4(c)], added lanes 0. */
export function fromDenseReference(x: Float64Array, { n, c, s }: Planes): Float64Array { return Float64Array.from(packActivation(x, [n, c, s, 1])); }
