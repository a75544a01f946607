import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { elements, requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import type { BinaryFunction } from "../../graph/operations/broadcast.ts";
import { elementwiseGroups } from "../image-space.ts";
import { joined, reach, WALK_PARAMS, walkParams } from "../tensor/walk.ts";
import { binaryCode } from "./binary-functions.ts";

export const binaryBroadcastSpec: KernelSpec = {
  name: "elementwise/binary-broadcast",
  lib: ["lib/grid", "lib/walk", "lib/binary"],
  params: { n: "u32", ...WALK_PARAMS },
  reads: ["a", "b"],
  writes: ["y"],
  constants: { WG: 8, PER: 16, FN: 0, RANK: 6 },
  template: {},
};

/** Sides of y in the order of its memory, and how far one step along each moves in a and b; 0 repeats. */
export interface Broadcast { readonly sizes: readonly number[]; readonly aStrides: readonly number[]; readonly bStrides: readonly number[] }

/**
 * y = f(a, b), where a and b are repeated along the axes whose stride is 0.
 *
 * @param a, b f32; may be the same tensor.
 * @param y    [...sizes] f32, output; may not alias a or b; the last vec4 is written whole.
 * @throws EngineError SHAPE_MISMATCH when a walk leaves its tensor, or has too many axes.
 */
export function binaryBroadcast(fn: BinaryFunction, a: Tensor, b: Tensor, y: Tensor, { sizes, aStrides, bStrides }: Broadcast): Dispatch {
  const { name } = binaryBroadcastSpec;
  requirePositive(name, Object.fromEntries(sizes.map((size, i) => [`size ${i}`, size])));
  const axes = joined(sizes.map((size, i) => ({ size, a: aStrides[i]!, b: bStrides[i]! })));
  const n = elements(sizes);
  requireElements(name, "a", a, reach(axes, "a").most + 1);
  requireElements(name, "b", b, reach(axes, "b").most + 1);
  requireElements(name, "y", y, n);
  const { rank, params } = walkParams(name, axes);
  const spec = { ...binaryBroadcastSpec, constants: { ...binaryBroadcastSpec.constants, FN: binaryCode(fn), RANK: rank } };
  return { kind: "dispatch", spec, params: { n, ...params }, buffers: [a, b, y], workgroups: elementwiseGroups(spec, Math.ceil(n / 4)) };
}
