import { EngineError } from "../../errors.ts";
import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { elements, requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf } from "../image-space.ts";
import { joined, reach, WALK_PARAMS, type WalkAxis, walkParams } from "./walk.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "tensor/strided-copy", lib: ["lib/grid", "lib/walk"], params: { items: "u32", xStart: "u32", yStart: "u32", ...WALK_PARAMS },
  reads: ["x"], writes: ["y"], constants: { WG: 8, PER: 64, RANK: 6 }, template: { V },
});
export const stridedCopySpec = specOf(4);
export const stridedCopyUnalignedSpec = specOf(1);

/** In elements; strides may be 0 (repeat) in x, and negative (go backwards) in both. */
export interface StridedViews {
  /** At most six sides larger than 1 that cannot be joined. */
  readonly sizes: readonly number[];
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
  readonly xStart?: number;
  readonly yStart?: number;
}

/**
 * y[yStart + Σ c·yStrides] = x[xStart + Σ c·xStrides] for all coordinates c of `sizes`: transposition, repetition, slices,
 * concatenation. What the strides of y do not reach keeps what it had; they must not reach an element twice.
 *
 * @param x f32.
 * @param y f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when a walk leaves its tensor, or has too many axes.
 * @see shaders/tensor/strided-copy.wgsl
 */
export function stridedCopy(x: Tensor, y: Tensor, { sizes, xStrides, yStrides, xStart = 0, yStart = 0 }: StridedViews): Dispatch {
  const { name } = stridedCopySpec;
  requirePositive(name, Object.fromEntries(sizes.map((size, i) => [`size ${i}`, size])));
  const axes = joined(sizes.map((size, i) => ({ size, a: xStrides[i]!, b: yStrides[i]! })));
  for (const [tensor, which, start, label] of [[x, "a", xStart, "x"], [y, "b", yStart, "y"]] as const) {
    const { least, most } = reach(axes, which);
    if (!(start + least >= 0)) throw new EngineError("SHAPE_MISMATCH", `${name}: expected to stay inside ${label}, got offset ${start + least}`, { kernel: name, tensor: label });
    requireElements(name, label, tensor, start + most + 1);
  }
  const V = lanes(axes, xStart, yStart);
  const items = axes.map((axis, i) => (i === axes.length - 1 ? { size: axis.size / V, a: axis.a, b: axis.b } : { size: axis.size, a: axis.a / V, b: axis.b / V }));
  const { rank, params } = walkParams(name, items);
  const base = V === 4 ? stridedCopySpec : stridedCopyUnalignedSpec;
  const spec = { ...base, constants: { ...base.constants, RANK: rank } };
  const count = elements(items.map(({ size }) => size));
  return { kind: "dispatch", spec, params: { items: count, xStart: xStart / V, yStart: yStart / V, ...params }, buffers: [x, y], workgroups: elementwiseGroups(spec, count) };
}

/** 4 where the walk goes through both tensors in whole, aligned vec4. */
function lanes(axes: readonly WalkAxis[], ...starts: readonly number[]): 1 | 4 {
  const inner = axes.at(-1);
  if (inner?.a !== 1 || inner.b !== 1) return 1;
  return [inner.size, ...starts, ...axes.slice(0, -1).flatMap(({ a, b }) => [a, b])].every((offset) => lanesOf(offset) === 4) ? 4 : 1;
}
