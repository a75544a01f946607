import { unpackActivation } from "../../graph/layout.ts";
import type { Planes } from "../../graph/physical.ts";

/** Channels last in fours [n, s, pad4(c)] → dense [n, c, s]. */
export function toDenseReference(x: Float64Array, { n, c, s }: Planes): Float64Array { return Float64Array.from(unpackActivation(x, [n, c, s, 1])); }
