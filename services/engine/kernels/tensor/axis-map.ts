import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, requireRows, requireType } from "../image-space.ts";

const specOf = (V: 1 | 4): KernelSpec => ({
  name: "tensor/axis-map", lib: ["lib/grid"], params: { items: "u32", size: "u32", rows: "u32", inner: "u32" },
  reads: ["x", "offsets", "indices", "weights"], writes: ["y"], constants: { WG: 8, PER: 16 }, template: { V },
});
export const axisMapSpec = specOf(4);
export const axisMapUnalignedSpec = specOf(1);

/** A sparse matrix in compressed rows (graph/operations/shape.ts AxisMap) on the device. */
export interface MapTensors {
  /** [rows + 1] u32, rising from 0 to `entries`. */
  readonly offsets: Tensor;
  /** [entries] u32. */
  readonly indices: Tensor;
  /** [entries] f32. */
  readonly weights: Tensor;
  readonly rows: number;
  readonly entries: number;
}

/**
 * y[o, j, i] = Σ weights[t]·x[o, indices[t], i] over t in offsets[j] … offsets[j + 1] − 1, in that order.
 *
 * @param x    [outer, size, inner] f32.
 * @param y    [outer, rows, inner] f32, output; may not alias x.
 * @throws EngineError SHAPE_MISMATCH when a size is not a positive integer or a tensor is too small.
 * @see shaders/tensor/axis-map.wgsl
 */
export function axisMap(x: Tensor, { offsets, indices, weights, rows, entries }: MapTensors, y: Tensor, { outer, size, inner }: { outer: number; size: number; inner: number }): Dispatch {
  const V = lanesOf(inner);
  const spec = V === 4 ? axisMapSpec : axisMapUnalignedSpec;
  requirePositive(spec.name, { outer, size, inner, rows });
  requireRows(spec.name, outer * inner, Math.max(size, rows));
  requireType(spec.name, "offsets", offsets, "u32");
  requireType(spec.name, "indices", indices, "u32");
  requireElements(spec.name, "x", x, outer * size * inner);
  requireElements(spec.name, "offsets", offsets, rows + 1);
  requireElements(spec.name, "indices", indices, entries);
  requireElements(spec.name, "weights", weights, entries);
  requireElements(spec.name, "y", y, outer * rows * inner);
  const items = (outer * rows * inner) / V;
  return { kind: "dispatch", spec, params: { items, size, rows, inner: inner / V }, buffers: [x, offsets, indices, weights, y], workgroups: elementwiseGroups(spec, items) };
}
