import { elements } from "../gpu/tensor.ts";
import type { Shape } from "./graph.ts";
import { linearRows, packActivation, packConvWeight, packLinearWeight, packVector, pad4, unpackActivation, unpackConvWeight, unpackLinearWeight } from "./layout.ts";

/** [c, h, w] of the activation that a row of features was flattened from; [f, 1, 1] when it never had pixels. */
export type Spatial = readonly [c: number, h: number, w: number];

/** Which of the forms of graph/layout.ts a value takes in GPU memory. */
export type Layout =
  | { readonly kind: "dense" }
  | { readonly kind: "activation" }
  | { readonly kind: "features"; readonly spatial: Spatial }
  | { readonly kind: "vector" }
  | { readonly kind: "convWeight"; readonly groups: number }
  | { readonly kind: "linearWeight"; readonly spatial: Spatial };

export const DENSE: Layout = { kind: "dense" };
export const ACTIVATION: Layout = { kind: "activation" };
export const VECTOR: Layout = { kind: "vector" };

/** Features that were never an activation. */
export function plainFeatures(shape: Shape): Layout { return { kind: "features", spatial: [shape[1]!, 1, 1] }; }

export function sameLayout(a: Layout, b: Layout): boolean { return JSON.stringify(a) === JSON.stringify(b); }

/** A tensor as n planes of c channels of s pixels: dense [n, c, s], or channels last in fours [n, s, pad4(c)]. */
export interface Planes { readonly n: number; readonly c: number; readonly s: number }

/** How a layout orders its elements; undefined for weights, and for dense ones, which are any such planes. */
export function planesOf(layout: Layout, shape: Shape): Planes | undefined {
  switch (layout.kind) {
    case "activation": return { n: shape[0]!, c: shape[1]!, s: shape[2]! * shape[3]! };
    case "features": return { n: shape[0]!, c: layout.spatial[0], s: layout.spatial[1] * layout.spatial[2] };
    case "vector": return { n: 1, c: shape[0]!, s: 1 };
    default: return undefined;
  }
}

/** Whether the plan can bring a tensor from one layout to the other (plan/relayout.ts). */
export function isConvertible(from: Layout, to: Layout, shape: Shape): boolean {
  return [from, to].every((layout) => layout.kind === "dense" || planesOf(layout, shape) !== undefined);
}

/** Whether the layout has no lanes but the tensor's own. */
export function isUnpadded(layout: Layout, shape: Shape): boolean { return elements(physicalShape(layout, shape)) === elements(shape); }

/** How a plan leaves a value that it keeps: as it lies, but [n, f] always as plain features, whatever computed them. */
export function keptLayout(layout: Layout, shape: Shape): Layout {
  return shape.length === 2 && (layout.kind === "dense" || layout.kind === "features") ? plainFeatures(shape) : layout;
}

/** What lies in memory, slowest axis first. */
export function physicalShape(layout: Layout, shape: Shape): readonly number[] {
  switch (layout.kind) {
    case "dense": return shape;
    case "activation": return [shape[0]!, shape[2]!, shape[3]!, pad4(shape[1]!)];
    case "features": return [shape[0]!, rowLength(layout.spatial)];
    case "vector": return [pad4(shape[0]!)];
    case "convWeight": return [shape[2]! * shape[3]!, layout.groups === 1 ? pad4(shape[1]!) : shape[1]!, pad4(shape[0]!)];
    case "linearWeight": return [rowLength(layout.spatial), pad4(shape[0]!)];
  }
}

/** Physical length of one image's features. */
export function rowLength(spatial: Spatial): number { return linearRows(spatial[0] * spatial[1] * spatial[2], spatial); }

/** Logical (PyTorch) → physical, flat. */
export function pack(layout: Layout, shape: Shape, data: ArrayLike<number>): Float32Array {
  switch (layout.kind) {
    case "dense": return Float32Array.from(data);
    case "activation": return packActivation(data, shape as unknown as [number, number, number, number]);
    case "features": return packActivation(data, [shape[0]!, ...layout.spatial]);
    case "vector": return packVector(data);
    case "convWeight": return packConvWeight(data, shape[0]!, shape[1]!, shape[2]!, shape[3]!, layout.groups);
    case "linearWeight": return packLinearWeight(data, shape[0]!, shape[1]!, layout.spatial);
  }
}

/** The inverse of `pack`; padding is dropped. */
export function unpack(layout: Layout, shape: Shape, data: ArrayLike<number>): Float32Array {
  switch (layout.kind) {
    case "dense": return Float32Array.from({ length: elements(shape) }, (_, i) => data[i]!);
    case "activation": return unpackActivation(data, shape as unknown as [number, number, number, number]);
    case "features": return unpackActivation(data, [shape[0]!, ...layout.spatial]);
    case "vector": return Float32Array.from({ length: shape[0]! }, (_, i) => data[i]!);
    case "convWeight": return unpackConvWeight(data, shape[0]!, shape[1]!, shape[2]!, shape[3]!, layout.groups);
    case "linearWeight": return unpackLinearWeight(data, shape[0]!, shape[1]!, layout.spatial);
  }
}
