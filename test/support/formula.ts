import { elements } from "../../services/engine/gpu/tensor.ts";

/** Weights and images that are too many to commit, as test/fixtures/goldens/common.py makes them. */

/** Element i of tensor number t is centre ± radius. */
export function numbers(t: number, count: number, [centre, radius]: readonly [number, number]): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let x = ((t << 24) + i) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return centre + radius * (((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1);
  });
}

/** Centre and radius of a parameter or running statistic. */
export function law(name: string, [, ...rest]: readonly number[]): [number, number] {
  if (rest.length > 0) return [0, Math.sqrt(3 / elements(rest))];
  if (name.endsWith("running_var")) return [1, 0.5];
  return name.endsWith("weight") ? [0.5, 0.25] : [0, 1];
}
